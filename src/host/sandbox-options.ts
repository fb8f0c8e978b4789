/** What a caller may ask of a sandbox and of its containers. */

import { KataError } from '../wire/error.ts';
import type { GuestImage } from './image.ts';
import type { RootImage } from './image-store/root-image.ts';
import { EMPTY_CONFIG, type ImageConfig } from './image-store/root-image.ts';
import type { TerminalSize } from './oci-spec/terminal.ts';
import type { StreamKind } from './process-streams.ts';
import type { Volume } from './share.ts';
import type { Phase } from './timeline.ts';

/** Options of `Sandbox.boot`. */
export interface SandboxOptions {
  /** Name of the sandbox; a random one where it is absent. */
  readonly id?: string;
  /** Host name of all containers; the sandbox's name where it is absent. */
  readonly hostname?: string;
  /** What is booted; the image that was built last where it is absent. */
  readonly image?: GuestImage;
  readonly cpus?: number;
  /** Memory of the machine in MiB. */
  readonly memoryMiB?: number;
  /** Limit of the time from QEMU's start to the agent's first answer (ms). */
  readonly bootTimeoutMs?: number;
  /** Further words of the kernel command line, such as `agent.log=debug`. */
  readonly kernelParameters?: readonly string[];
  /** Further arguments of QEMU, such as ports for what is plugged in later. */
  readonly qemuArguments?: readonly string[];
  /** Ends the boot; its reason is thrown. Has no effect afterwards. */
  readonly signal?: AbortSignal;
  readonly onPhase?: (phase: Phase, atMs: number) => void;
  readonly onConsoleLine?: (line: string) => void;
  /** Gets one line that says which accelerator was taken, and why. */
  readonly onAccelerator?: (line: string) => void;
}

/** A container's root: a host directory as it is, writes included, or an image under a layer that is thrown away. */
export type ContainerRoot =
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'image'; readonly image: RootImage };

/** Options of `Sandbox.createContainer`. */
export interface ContainerOptions {
  readonly id?: string;
  readonly root: ContainerRoot;
  /** The command; the image's own where it is empty. */
  readonly command: readonly string[];
  /** `NAME=value` each; they win over the image's. */
  readonly env?: readonly string[];
  readonly cwd?: string;
  /** `USER[:GROUP]`, names or numbers. */
  readonly user?: string;
  readonly volumes?: readonly Volume[];
  readonly readOnlyRoot?: boolean;
  /** Gives the program a terminal of this size. */
  readonly terminal?: TerminalSize;
  /** How the program's bytes travel; default: `passfd` where the agent offers it. */
  readonly streams?: StreamKind;
}

/** Two of each are plenty for a small service; QEMU's own limit for q35 is 255. */
const MAX_CPUS = 255;
/** The kernel, Node and a small container do not fit into less. */
const MIN_MEMORY_MIB = 128;
const DEFAULT_CPUS = 1;
const DEFAULT_MEMORY_MIB = 256;
/** A cold boot without KVM takes about six seconds on an idle machine; many times that on a busy one. */
const DEFAULT_BOOT_TIMEOUT_MS = 90_000;

/** The numbers of a sandbox, checked and completed. */
export interface SandboxSize {
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly bootTimeoutMs: number;
}

/** @throws KataError ERR_INVALID_ARGUMENT, naming option and value. */
export function checkSize(options: SandboxOptions): SandboxSize {
  return {
    cpus: integer('cpus', options.cpus ?? DEFAULT_CPUS, 1, MAX_CPUS),
    memoryMiB: integer('memory', options.memoryMiB ?? DEFAULT_MEMORY_MIB, MIN_MEMORY_MIB, Number.MAX_SAFE_INTEGER),
    bootTimeoutMs: integer('boot timeout', options.bootTimeoutMs ?? DEFAULT_BOOT_TIMEOUT_MS, 1, 0x7fff_ffff),
  };
}

function integer(name: string, value: number, least: number, most: number): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  throw new KataError('ERR_INVALID_ARGUMENT', `${name}: ${value} is not a whole number from ${least} to ${most}`);
}

/** Directory of a root on the host, and the image's wishes. */
export function resolveRoot(root: ContainerRoot): { path: string; config: ImageConfig } {
  return root.kind === 'directory'
    ? { path: root.path, config: EMPTY_CONFIG }
    : { path: root.image.rootfs, config: root.image.config };
}

/** Joins environments; the last value of a name wins, and names keep the place of their first appearance. */
export function mergeEnv(...lists: readonly (readonly string[])[]): string[] {
  const values = new Map<string, string>();
  for (const entry of lists.flat()) {
    const name = entry.split('=', 1)[0] ?? '';
    if (name === '' || !entry.includes('=')) {
      throw new KataError('ERR_INVALID_ARGUMENT', `environment entry ${JSON.stringify(entry)} is not NAME=value`);
    }
    values.set(name, entry);
  }
  return [...values.values()];
}
