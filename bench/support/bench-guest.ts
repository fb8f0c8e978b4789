/** A guest for benches: a sandbox, a container, and beside the agent a peer that does without it what it does. */
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { build } from 'esbuild';
import { libraryClosure } from '../../build/guest/libraries.ts';
import type { Container } from '../../src/host/container.ts';
import { findProgram } from '../../src/host/program.ts';
import { Sandbox } from '../../src/host/sandbox.ts';
import { guestOutput } from '../../test/integration/support/guest-shell.ts';
import { busyboxRoot } from '../../test/integration/support/sandbox.ts';

/** The peer is another Node, and the other parties need their share. */
const MEMORY_MIB = 640;
const READY_INTERVAL_MS = 100;
/** Where the container has the tools. */
const DESTINATION = '/tools';
const SHARE = '/run/kata-containers/shared/containers';
const CONNECT_TIMEOUT_MS = 10_000;

/** What a bench runs in. */
export interface BenchGuest {
  readonly sandbox: Sandbox;
  readonly container: Container;
  /** Directory of the tools on the host. */
  readonly tools: string;
  /** The same directory, in the guest. */
  readonly guestTools: string;
  /** The accelerator and why, in one line. */
  readonly accelerator: string;
  stop(): Promise<void>;
}

async function writePeer(directory: string): Promise<void> {
  const entry = join(import.meta.dirname, '../../test/integration/guest/bench-peer.ts');
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    write: false,
  });
  writeFileSync(join(directory, 'peer.cjs'), outputFiles[0]?.contents ?? '');
}

/** Boots the guest and starts the peer. @param cpus processors of the guest. */
export async function startBenchGuest(id: string, cpus = 1): Promise<BenchGuest> {
  const tools = mkdtempSync(join(tmpdir(), 'kata-bench-'));
  chmodSync(tools, 0o755);
  await writePeer(tools);
  let accelerator = '';
  const sandbox = await Sandbox.boot({
    id,
    cpus,
    memoryMiB: MEMORY_MIB,
    onAccelerator: (line) => {
      accelerator = line.replace('accelerator: ', '');
    },
  });
  const stop = async (): Promise<void> => {
    await sandbox.stop();
    rmSync(tools, { recursive: true, force: true });
  };
  try {
    const root = await busyboxRoot();
    const volumes = [{ source: tools, destination: DESTINATION, readOnly: true }];
    const container = await sandbox.createContainer({ root, volumes, command: ['sleep', '1000000'] });
    await container.start();
    const place = `ls -d ${SHARE}/${container.id}-*-${basename(DESTINATION)}`;
    const guestTools = await guestOutput(sandbox.vsock, place);
    await startInGuest({ sandbox }, `node --disable-warning=ExperimentalWarning ${guestTools}/peer.cjs`, 'bench-peer');
    while (!(await guestOutput(sandbox.vsock, 'cat /tmp/bench-peer.log')).includes('ready')) {
      await delay(READY_INTERVAL_MS);
    }
    return { sandbox, container, tools, guestTools, accelerator, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Starts a program that outlives the console's shell; what it prints is in /tmp/NAME.log of the guest. */
export async function startInGuest(
  { sandbox }: Pick<BenchGuest, 'sandbox'>,
  command: string,
  name: string,
): Promise<void> {
  const script = `
    mountpoint -q /tmp || grep -q ' /tmp ' /proc/mounts || mount -t tmpfs tmpfs /tmp
    busybox setsid sh -c ${JSON.stringify(`exec ${command}`)} </dev/null >/tmp/${name}.log 2>&1 &
    sleep 0.1`;
  await guestOutput(sandbox.vsock, script);
}

/**
 * Puts a program of this machine, which the guest's image has not, among the tools.
 * @returns the command that runs it in the guest; undefined where this machine has no such program.
 */
export async function carryProgram(
  guest: BenchGuest,
  name: string,
  places: readonly string[],
): Promise<string | undefined> {
  const path = findProgram(name, places);
  if (path === undefined) return undefined;
  const directory = join(guest.tools, name);
  mkdirSync(directory);
  copyFileSync(path, join(directory, name));
  for (const [target, source] of await libraryClosure([path])) {
    const library = join(directory, basename(target));
    copyFileSync(source, library);
    chmodSync(library, 0o755);
  }
  const place = `${guest.guestTools}/${name}`;
  // Not by a dynamic linker of its own: a server that executes itself again would execute that.
  return `env LD_LIBRARY_PATH=${place} ${place}/${name}`;
}

/** Connects to a port of the guest. */
export function connectTo(
  { sandbox }: Pick<BenchGuest, 'sandbox'>,
  port: number,
): ReturnType<Sandbox['vsock']['connect']> {
  return sandbox.vsock.connect(port, CONNECT_TIMEOUT_MS);
}
