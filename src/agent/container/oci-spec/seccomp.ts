/** The system call filter of a container. */
import type { grpc } from '../../../wire/generated/proto.js';
import { badField } from './bad-field.ts';
import type { JsonObject } from './json.ts';
import { exact } from './number.ts';

// The OCI runtime specification, config-linux.md, "Seccomp".
const ACTIONS: ReadonlySet<string> = new Set([
  'SCMP_ACT_KILL',
  'SCMP_ACT_KILL_PROCESS',
  'SCMP_ACT_KILL_THREAD',
  'SCMP_ACT_TRAP',
  'SCMP_ACT_ERRNO',
  'SCMP_ACT_TRACE',
  'SCMP_ACT_ALLOW',
  'SCMP_ACT_LOG',
]);
const OPERATORS: ReadonlySet<string> = new Set([
  'SCMP_CMP_NE',
  'SCMP_CMP_LT',
  'SCMP_CMP_LE',
  'SCMP_CMP_EQ',
  'SCMP_CMP_GE',
  'SCMP_CMP_GT',
  'SCMP_CMP_MASKED_EQ',
]);
const FLAGS: ReadonlySet<string> = new Set([
  'SECCOMP_FILTER_FLAG_TSYNC',
  'SECCOMP_FILTER_FLAG_LOG',
  'SECCOMP_FILTER_FLAG_SPEC_ALLOW',
]);
const ARCHITECTURE = /^SCMP_ARCH_[A-Z0-9_]+$/;

/** errno of a refused call where the request gives none. */
const EPERM = 1;

function checkName(field: string, value: string, known: ReadonlySet<string>): string {
  if (!known.has(value)) throw badField(`Linux.Seccomp.${field}`, value, 'is unknown');
  return value;
}

function convertArgument(argument: grpc.LinuxSeccompArg): JsonObject {
  return {
    index: exact(argument.Index),
    value: exact(argument.Value),
    valueTwo: exact(argument.ValueTwo),
    op: checkName('Syscalls.Args.Op', argument.Op, OPERATORS),
  };
}

function convertSyscall(syscall: grpc.LinuxSyscall): JsonObject {
  const action = checkName('Syscalls.Action', syscall.Action, ACTIONS);
  const usesErrno = action === 'SCMP_ACT_ERRNO' || action === 'SCMP_ACT_TRACE';
  return {
    names: syscall.Names,
    action,
    errnoRet: usesErrno ? (syscall.errnoret ?? EPERM) : undefined,
    args: syscall.Args.map(convertArgument),
  };
}

/**
 * Converts the filter.
 * @throws KataError (INTERNAL on the wire) naming an action, operator, flag or architecture that is unknown: leaving a
 *   rule out would make another filter of it.
 */
export function convertSeccomp(seccomp: grpc.LinuxSeccomp): JsonObject {
  for (const architecture of seccomp.Architectures) {
    if (!ARCHITECTURE.test(architecture)) throw badField('Linux.Seccomp.Architectures', architecture, 'is unknown');
  }
  for (const flag of seccomp.Flags) checkName('Flags', flag, FLAGS);
  return {
    defaultAction: checkName('DefaultAction', seccomp.DefaultAction, ACTIONS),
    architectures: seccomp.Architectures,
    flags: seccomp.Flags,
    syscalls: seccomp.Syscalls.map(convertSyscall),
  };
}
