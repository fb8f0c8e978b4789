/** A container's specification: from the request's message to what the runtime reads. */
import type { grpc } from '../../../wire/generated/proto.js';
import { badField } from './bad-field.ts';
import { type Hooks, runtimeHooks } from './hooks.ts';
import type { JsonObject } from './json.ts';
import { convertLinux } from './linux.ts';
import { convertMount } from './mounts.ts';
import { convertNamespaces, type SharedNamespaces } from './namespaces.ts';
import { nonEmpty } from './number.ts';
import { convertProcess } from './process.ts';
import { sortSysctls } from './sysctl.ts';

/** The version of the OCI runtime specification that is written. */
const OCI_VERSION = '1.0.2';

/** What the agent knows and the request does not. */
export interface SpecContext {
  /** Where the runtime finds the root file system. */
  readonly rootPath: string;
  readonly cgroupsPath: string;
  readonly cgroupVersion: 1 | 2;
  readonly shared: SharedNamespaces;
  readonly hooks: Hooks;
  /** Whether the guest's kernel has SELinux on. */
  readonly selinux: boolean;
}

/** A converted specification. */
export interface ConvertedSpec {
  /** The runtime's `config.json`. */
  readonly config: JsonObject;
  /** Kernel parameters that the agent sets itself: path below /proc/sys -> value. */
  readonly machineSysctls: ReadonlyMap<string, string>;
  /** Sentences about what was left out. */
  readonly warnings: readonly string[];
}

/** Annotations with this prefix are orders to crun, such as to run another handler; a pod's author may set any. */
const RUNTIME_ORDERS = 'run.oci.';

function keptAnnotations(given: Readonly<Record<string, string>>): JsonObject {
  return Object.fromEntries(Object.entries(given).filter(([name]) => !name.startsWith(RUNTIME_ORDERS)));
}

/**
 * Converts a specification.
 * @throws KataError (INTERNAL on the wire) naming field and value of what cannot be used.
 */
export function convertSpec(spec: grpc.Spec, context: SpecContext): ConvertedSpec {
  const { Process: process, Root: root, Linux: linux } = spec;
  if (!process) throw badField('OCI.Process', null, 'is missing');
  if (!root) throw badField('OCI.Root', null, 'is missing');
  if (!linux) throw badField('OCI.Linux', null, 'is missing');
  const warnings: string[] = [];
  const warn = (warning: string): void => void warnings.push(warning);
  const { cgroupVersion, cgroupsPath, selinux } = context;
  const namespaces = convertNamespaces(linux.Namespaces, context.shared, cgroupVersion);
  const types = new Set(namespaces.map(({ type }) => type));
  if (spec.Hostname !== '' && !types.has('uts')) {
    throw badField('Hostname', spec.Hostname, 'needs a namespace of type uts');
  }
  // In a joined UTS namespace the name is the sandbox's, and a container has no say in it.
  const ownsHostname = namespaces.some(({ type, path }) => type === 'uts' && path === undefined);
  const sysctls = sortSysctls(linux.Sysctl, types);
  const config: JsonObject = {
    ociVersion: OCI_VERSION,
    process: convertProcess(process, selinux, warn),
    root: { path: context.rootPath, readonly: root.Readonly },
    hostname: ownsHostname ? nonEmpty(spec.Hostname) : undefined,
    mounts: spec.Mounts.map(convertMount),
    hooks: runtimeHooks(context.hooks),
    annotations: keptAnnotations(spec.Annotations),
    linux: convertLinux(linux, {
      namespaces,
      cgroupsPath,
      cgroupVersion,
      selinux,
      sysctl: sysctls.container,
      warn,
    }),
  };
  return { config, machineSysctls: sysctls.machine, warnings };
}
