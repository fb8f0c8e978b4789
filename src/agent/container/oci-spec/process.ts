/** The first process of a container, from the request to the runtime's specification. */
import type { grpc } from '../../../wire/generated/proto.js';
import type { TerminalSize } from '../../exec/starter.ts';
import { badField } from './bad-field.ts';
import { convertCapabilities } from './capabilities.ts';
import { cleanEnvironment } from './environment.ts';
import type { JsonObject } from './json.ts';
import { exact, nonEmpty } from './number.ts';
import { checkTerminalSize } from './terminal-size.ts';

/** What a container's programs begin with, whatever the agent's own is. */
export const UMASK = 0o022;

/** proc(5), oom_score_adj. */
const OOM_SCORE_ADJ_MIN = -1000n;
const OOM_SCORE_ADJ_MAX = 1000n;

/** getrlimit(2). */
const RLIMITS: ReadonlySet<string> = new Set([
  'RLIMIT_AS',
  'RLIMIT_CORE',
  'RLIMIT_CPU',
  'RLIMIT_DATA',
  'RLIMIT_FSIZE',
  'RLIMIT_LOCKS',
  'RLIMIT_MEMLOCK',
  'RLIMIT_MSGQUEUE',
  'RLIMIT_NICE',
  'RLIMIT_NOFILE',
  'RLIMIT_NPROC',
  'RLIMIT_RSS',
  'RLIMIT_RTPRIO',
  'RLIMIT_RTTIME',
  'RLIMIT_SIGPENDING',
  'RLIMIT_STACK',
]);

/** A limit of setrlimit(2). A type, not an interface: only that is a JSON object too. */
export type ConvertedRlimit = { readonly type: string; readonly hard: bigint; readonly soft: bigint };

/** Converts a limit. @throws KataError (INTERNAL on the wire) for an unknown one, or a soft limit above the hard one. */
export function convertRlimit(limit: grpc.POSIXRlimit): ConvertedRlimit {
  if (!RLIMITS.has(limit.Type)) throw badField('Process.Rlimits.Type', limit.Type, 'is no resource limit');
  const [hard, soft] = [exact(limit.Hard), exact(limit.Soft)];
  if (soft > hard) throw badField(`Process.Rlimits ${limit.Type}`, String(soft), `is above its hard limit ${hard}`);
  return { type: limit.Type, hard, soft };
}

function convertUser(user: grpc.User | null | undefined): JsonObject {
  // Names of users are not looked at: the numbers were found on the host.
  return {
    uid: user?.UID ?? 0,
    gid: user?.GID ?? 0,
    additionalGids: user?.AdditionalGids ?? [],
    umask: UMASK,
  };
}

/** The working directory. @throws KataError (INTERNAL on the wire) for a relative one. */
export function workingDirectory(cwd: string): string {
  if (cwd === '') return '/';
  if (!cwd.startsWith('/')) throw badField('Process.Cwd', cwd, 'is not absolute');
  return cwd;
}

/** The score. @throws KataError (INTERNAL on the wire) for one that the kernel does not have. */
export function oomScore(given: grpc.Process): bigint {
  const score = exact(given.OOMScoreAdj);
  if (score >= OOM_SCORE_ADJ_MIN && score <= OOM_SCORE_ADJ_MAX) return score;
  throw badField('Process.OOMScoreAdj', String(score), 'is outside -1000..1000');
}

/**
 * First size of a terminal, which has none where the request gives none (0 x 0).
 * @throws KataError (INTERNAL on the wire) for what the kernel cannot hold.
 */
export function consoleSize(given: grpc.Process): TerminalSize {
  const { Height: rows = 0, Width: columns = 0 } = given.ConsoleSize ?? {};
  return checkTerminalSize('Process.ConsoleSize', { rows, columns });
}

/**
 * Converts the process. AppArmor profiles are ignored: the guest has no AppArmor, and the host's profile is about the
 * host.
 * @param selinux whether the guest's kernel has SELinux on; without it a label is dropped.
 * @param warn gets a sentence for what is left out.
 * @throws KataError (INTERNAL on the wire) naming field and value.
 */
export function convertProcess(given: grpc.Process, selinux: boolean, warn: (warning: string) => void): JsonObject {
  if (given.Args.length === 0) throw badField('Process.Args', given.Args, 'names no program');
  const environment = cleanEnvironment(given.Env, given.Args[0] ?? '');
  for (const warning of environment.warnings) warn(warning);
  const { rows, columns } = consoleSize(given);
  return {
    terminal: given.Terminal,
    consoleSize: given.Terminal ? { height: rows, width: columns } : undefined,
    user: convertUser(given.User),
    args: given.Args,
    env: environment.entries,
    cwd: workingDirectory(given.Cwd),
    capabilities: convertCapabilities(given.Capabilities, warn),
    rlimits: given.Rlimits.map(convertRlimit),
    noNewPrivileges: given.NoNewPrivileges,
    // Always there: zero is a value too, and not the agent's own.
    oomScoreAdj: oomScore(given),
    selinuxLabel: selinux ? nonEmpty(given.SelinuxLabel) : undefined,
  };
}
