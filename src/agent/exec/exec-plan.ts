/** From a request to the process that it asks for, in a container that is there. */
import type { grpc } from '../../wire/generated/proto.js';
import { badField } from '../container/oci-spec/bad-field.ts';
import { convertCapabilities } from '../container/oci-spec/capabilities.ts';
import { cleanEnvironment } from '../container/oci-spec/environment.ts';
import { nonEmpty } from '../container/oci-spec/number.ts';
import { consoleSize, convertRlimit, oomScore, UMASK, workingDirectory } from '../container/oci-spec/process.ts';
import type { ExecCapabilities, ExecPlan, ExecRlimit, ExecUser } from './starter.ts';

/** What a container's own process was given; a request that says nothing about it gets the same. */
export interface ExecDefaults {
  readonly capabilities: ExecCapabilities;
  readonly noNewPrivileges: boolean;
  readonly rlimits: readonly ExecRlimit[];
  readonly oomScoreAdj: number;
}

/** A planned process. */
export interface PlannedExec {
  readonly plan: ExecPlan;
  /** Sentences about what was left out. */
  readonly warnings: readonly string[];
}

const FIRST_THEN_REST = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
/** As for a container's id (bytes). */
const MAX_ID_LENGTH = 255;

/**
 * Checks the key under which a process will be known.
 * @throws KataError (INTERNAL on the wire) for one that is empty, longer than 255 characters, has other characters than
 *   letters, digits, dot, minus, underscore, or does not begin with a letter or a digit.
 */
export function checkExecId(id: string): void {
  if (!FIRST_THEN_REST.test(id) || id.length > MAX_ID_LENGTH) throw badField('exec_id', id, 'is not an exec id');
}

/**
 * What the container's own process was given.
 * @throws KataError (INTERNAL on the wire) naming field and value.
 */
export function execDefaults(own: grpc.Process): ExecDefaults {
  return {
    capabilities: convertCapabilities(own.Capabilities, () => {}),
    noNewPrivileges: own.NoNewPrivileges,
    rlimits: own.Rlimits.map(convertRlimit),
    oomScoreAdj: Number(oomScore(own)),
  };
}

function userOf(numbers: grpc.User | null | undefined, names: grpc.StringUser | null | undefined): ExecUser {
  if (names && names.uid !== '') {
    return { kind: 'names', user: names.uid, group: names.gid, groups: names.additionalGids };
  }
  const { UID: uid = 0, GID: gid = 0, AdditionalGids: groups = [] } = numbers ?? {};
  return { kind: 'numbers', uid, gid, groups };
}

/** An argument with a NUL would be cut there by the program that reads it. */
function refuseNul(field: string, values: readonly string[]): readonly string[] {
  for (const value of values) if (value.includes('\0')) throw badField(field, value, 'contains a NUL byte');
  return values;
}

/**
 * Plans a process. Shims send neither capabilities nor limits with it: it then gets what the container's own has, and
 * never more freedom to gain privileges than that.
 * @throws KataError (INTERNAL on the wire) naming field and value.
 */
export function planExec(
  { process, string_user: names }: Pick<grpc.ExecProcessRequest, 'process' | 'string_user'>,
  defaults: ExecDefaults,
): PlannedExec {
  if (!process) throw badField('process', null, 'is missing');
  const [program = ''] = process.Args;
  if (program === '') throw badField('Process.Args', process.Args, 'names no program');
  const warnings: string[] = [];
  const environment = cleanEnvironment(process.Env, program);
  warnings.push(...environment.warnings);
  const { Capabilities: capabilities, Rlimits: rlimits } = process;
  const plan: ExecPlan = {
    args: refuseNul('Process.Args', process.Args),
    env: refuseNul('Process.Env', environment.entries),
    cwd: refuseNul('Process.Cwd', [workingDirectory(process.Cwd)])[0] ?? '/',
    user: userOf(process.User, names),
    capabilities: capabilities
      ? convertCapabilities(capabilities, (warning) => void warnings.push(warning))
      : defaults.capabilities,
    noNewPrivileges: process.NoNewPrivileges || defaults.noNewPrivileges,
    rlimits: rlimits.length === 0 ? defaults.rlimits : rlimits.map(convertRlimit),
    oomScoreAdj: process.OOMScoreAdj.isZero() ? defaults.oomScoreAdj : Number(oomScore(process)),
    umask: UMASK,
    terminal: process.Terminal ? consoleSize(process) : undefined,
  };
  return { plan, warnings };
}

const PTRACE = 'CAP_SYS_PTRACE';

/** Whether a process with these may look into others of its pid namespace, whoever they belong to. */
export function canTrace(capabilities: ExecCapabilities): boolean {
  const { bounding, permitted, ambient } = capabilities;
  // What is in the bounding set, a set-uid program can gain.
  return [bounding, permitted, ambient].some((set) => set.includes(PTRACE));
}

/**
 * Why only the runtime can start processes in a container; undefined where a thread of the agent can.
 * @param selinux whether the guest's kernel has SELinux on; without it a label means nothing.
 */
export function runtimeOnlyReason(spec: grpc.Spec, defaults: ExecDefaults, selinux: boolean): string | undefined {
  const linux = spec.Linux;
  if (linux?.Seccomp) return 'it has a seccomp filter';
  if (linux?.Namespaces.some(({ Type: type }) => type === 'user') === true) return 'it has a user namespace';
  if (selinux && nonEmpty(spec.Process?.SelinuxLabel ?? '') !== undefined) return 'it has an SELinux label';
  if (canTrace(defaults.capabilities)) return `its processes can have ${PTRACE}`;
  return undefined;
}
