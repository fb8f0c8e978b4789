/** virtiofsd: the process that serves the share to the guest. There are two programs of this name. */
import { closeSync, openSync, realpathSync } from 'node:fs';
import { basename } from 'node:path';
import { unixListen } from '../linux/unix-listen.ts';
import { KataError } from '../wire/error.ts';
import { findProgram, runProgram } from './program.ts';
import { OwnedProcess } from './qemu/process.ts';

/** The C program of QEMU up to 7.2, or the Rust one that followed it; their arguments differ. */
export type VirtiofsdKind = 'c' | 'rust';

/** A virtiofsd on this host. */
export interface Virtiofsd {
  readonly path: string;
  readonly kind: VirtiofsdKind;
  /** First line of `--version`. */
  readonly version: string;
}

/** None of the distributions has it in PATH: Debian 12, Fedora and RHEL, Debian 13 and Ubuntu. */
const PLACES = ['/usr/lib/qemu/virtiofsd', '/usr/libexec/virtiofsd', '/usr/lib/virtiofsd'];
/** Name of our bin, behind all links. */
const OWN_NAME = 'kata-virtiofsd';
const VERSION_TIMEOUT_MS = 5_000;
/** One guest is the only client. */
const BACKLOG = 1;
/** Descriptor number under which virtiofsd finds the listening socket: the first after standard error. */
const SOCKET_FD = 3;

/** Which program the text of `--version` belongs to: the C one speaks of QEMU or of its FUSE library. */
export function virtiofsdKind(version: string): VirtiofsdKind {
  return /QEMU|FUSE library|using FUSE/i.test(version) ? 'c' : 'rust';
}

/** Arguments for a socket that is handed over as a descriptor. */
export function virtiofsdArguments(kind: VirtiofsdKind, fd: number, directory: string): string[] {
  return kind === 'c'
    ? [`--fd=${fd}`, '-f', '-o', `source=${directory},cache=auto,announce_submounts,log_level=warn`]
    : [`--fd=${fd}`, `--shared-dir=${directory}`, '--cache=auto', '--announce-submounts', '--log-level=warn'];
}

/** True for our own program, which only calls one of the two and may have been put where they are looked for. */
function isOurOwn(path: string): boolean {
  return basename(realpathSync(path)) === OWN_NAME;
}

/**
 * Finds virtiofsd and tells which of the two it is.
 * @param named path of the one to take; it is looked for where none is named.
 * @throws KataError ERR_HOST where there is none.
 */
export async function findVirtiofsd(named?: string): Promise<Virtiofsd> {
  const path = named ?? findProgram('virtiofsd', PLACES, (candidate) => !isOurOwn(candidate));
  if (path === undefined) throw new KataError('ERR_HOST', `no virtiofsd in PATH or as ${PLACES.join(', ')}`);
  const { stdout, stderr } = await runProgram([path, '--version'], { timeoutMs: VERSION_TIMEOUT_MS });
  const text = `${stdout}${stderr}`;
  return { path, kind: virtiofsdKind(text), version: text.split('\n')[0] ?? '' };
}

/**
 * Starts virtiofsd on a directory. The socket listens before the process runs, so QEMU can connect at once.
 * @param logPath file that takes what the program prints.
 */
export async function startVirtiofsd(
  program: Virtiofsd,
  directory: string,
  socketPath: string,
  logPath: string,
): Promise<OwnedProcess> {
  const socket = unixListen(socketPath, BACKLOG);
  const log = openSync(logPath, 'w', 0o600);
  try {
    const argv = [program.path, ...virtiofsdArguments(program.kind, SOCKET_FD, directory)];
    return await OwnedProcess.start(argv, ['ignore', log, log, socket]);
  } finally {
    closeSync(log);
    closeSync(socket);
  }
}
