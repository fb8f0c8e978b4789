/** The first process of a container, from the request to the runtime's specification. */
import type { grpc } from '../../../wire/generated/proto.js';
import { badField } from './bad-field.ts';
import { convertCapabilities } from './capabilities.ts';
import { cleanEnvironment } from './environment.ts';
import type { JsonObject } from './json.ts';
import { exact, nonEmpty } from './number.ts';

/** What a container's program begins with, whatever the agent's own is. */
const UMASK = 0o022;

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

function convertRlimit(limit: grpc.POSIXRlimit): JsonObject {
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

function workingDirectory(cwd: string): string {
  if (cwd === '') return '/';
  if (!cwd.startsWith('/')) throw badField('Process.Cwd', cwd, 'is not absolute');
  return cwd;
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
  const environment = cleanEnvironment(given.Env);
  for (const warning of environment.warnings) warn(warning);
  const oomScoreAdj = exact(given.OOMScoreAdj);
  if (oomScoreAdj < OOM_SCORE_ADJ_MIN || oomScoreAdj > OOM_SCORE_ADJ_MAX) {
    throw badField('Process.OOMScoreAdj', String(oomScoreAdj), 'is outside -1000..1000');
  }
  return {
    terminal: given.Terminal,
    ...(given.ConsoleSize ? { consoleSize: { height: given.ConsoleSize.Height, width: given.ConsoleSize.Width } } : {}),
    user: convertUser(given.User),
    args: given.Args,
    env: environment.entries,
    cwd: workingDirectory(given.Cwd),
    capabilities: convertCapabilities(given.Capabilities, warn),
    rlimits: given.Rlimits.map(convertRlimit),
    noNewPrivileges: given.NoNewPrivileges,
    // Always there: zero is a value too, and not the agent's own.
    oomScoreAdj,
    selinuxLabel: selinux ? nonEmpty(given.SelinuxLabel) : undefined,
  };
}
