import Long from 'long';
import { describe, expect, it } from 'vitest';
import {
  canTrace,
  checkExecId,
  type ExecDefaults,
  execDefaults,
  planExec,
  runtimeOnlyReason,
} from '../../../../src/agent/exec/exec-plan.ts';
import { grpc } from '../../../../src/wire/generated/proto.js';
import { decodedProcess, decodedSpec } from '../container/oci-spec/decoded.ts';

const SETS = { Bounding: ['CAP_CHOWN', 'CAP_KILL'], Permitted: ['CHOWN'] };
const own = decodedProcess({
  Capabilities: SETS,
  NoNewPrivileges: true,
  OOMScoreAdj: Long.fromNumber(-5),
  Rlimits: [{ Type: 'RLIMIT_NOFILE', Soft: Long.fromNumber(1), Hard: Long.MAX_UNSIGNED_VALUE }],
});
const defaults = execDefaults(own);

const plan = (
  process: grpc.Process.$Properties,
  names?: grpc.StringUser.$Properties,
  base: ExecDefaults = defaults,
) => {
  const request = grpc.ExecProcessRequest.encode({
    process: { Args: ['sh'], Cwd: '/', ...process },
    string_user: names ?? null,
  });
  return planExec(grpc.ExecProcessRequest.decode(request.finish()), base);
};

describe('planExec', () => {
  it('gives what the container’s own process has where the request does not say', () => {
    expect(plan({ Args: ['ls', '-l'], Env: ['A=1', 'B', 'A=2'] })).toEqual({
      plan: {
        args: ['ls', '-l'],
        env: ['A=2', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
        cwd: '/',
        user: { kind: 'numbers', uid: 0, gid: 0, groups: [] },
        capabilities: {
          bounding: ['CAP_CHOWN', 'CAP_KILL'],
          permitted: ['CAP_CHOWN'],
          effective: [],
          inheritable: [],
          ambient: [],
        },
        noNewPrivileges: true,
        rlimits: [{ type: 'RLIMIT_NOFILE', soft: 1n, hard: 2n ** 64n - 1n }],
        oomScoreAdj: -5,
        umask: 0o022,
        terminal: undefined,
      },
      warnings: ['Process.Env: an entry without `NAME=` was dropped'],
    });
  });

  it('gives what the request says', () => {
    const limits = [{ Type: 'RLIMIT_CORE', Soft: Long.UZERO, Hard: Long.UONE }];
    const more = { Capabilities: { Bounding: ['KILL', 'NEW_ONE'] }, Rlimits: limits, OOMScoreAdj: Long.fromNumber(7) };
    const { plan: planned, warnings } = plan(
      { ...more, NoNewPrivileges: true },
      undefined,
      execDefaults(decodedProcess({})),
    );
    expect(planned).toMatchObject({
      capabilities: { bounding: ['CAP_KILL'], permitted: [] },
      noNewPrivileges: true,
      rlimits: [{ type: 'RLIMIT_CORE', soft: 0n, hard: 1n }],
      oomScoreAdj: 7,
    });
    expect(warnings).toHaveLength(1);
  });

  it('takes names of users only where there is one', () => {
    const numbers = { User: { UID: 1, GID: 2, AdditionalGids: [3] } };
    const names = { uid: 'user', gid: 'group', additionalGids: ['4', 'five'] };
    expect(plan(numbers, names).plan.user).toEqual({
      kind: 'names',
      user: 'user',
      group: 'group',
      groups: ['4', 'five'],
    });
    expect(plan(numbers, { uid: '', gid: 'group' }).plan.user).toEqual({
      kind: 'numbers',
      uid: 1,
      gid: 2,
      groups: [3],
    });
  });

  it.each([
    [
      { Terminal: true, ConsoleSize: { Height: 1, Width: 65_535 } },
      { rows: 1, columns: 65_535 },
    ],
    [{ Terminal: true }, { rows: 0, columns: 0 }],
    [{ ConsoleSize: { Height: 1, Width: 2 } }, undefined],
  ])('of %j makes the terminal %j', (process, terminal) => {
    expect(plan(process).plan.terminal).toEqual(terminal);
  });

  it.each([
    [{ Args: [] }, 'Process.Args: [] names no program'],
    [{ Args: [''] }, 'Process.Args: [""] names no program'],
    [{ Args: ['a', 'b\0c'] }, 'Process.Args: "b\\u0000c" contains a NUL byte'],
    [{ Env: ['A=\0'] }, 'Process.Env: "A=\\u0000" contains a NUL byte'],
    [{ Cwd: 'tmp' }, 'Process.Cwd: "tmp" is not absolute'],
    [{ Cwd: '/\0' }, 'Process.Cwd: "/\\u0000" contains a NUL byte'],
    [{ OOMScoreAdj: Long.fromNumber(1001) }, 'Process.OOMScoreAdj: "1001" is outside -1000..1000'],
    [{ Rlimits: [{ Type: 'RLIMIT_X' }] }, 'Process.Rlimits.Type: "RLIMIT_X" is no resource limit'],
    [{ Terminal: true, ConsoleSize: { Width: 65_536 } }, 'Process.ConsoleSize columns: 65536 is above 65535'],
  ])('refuses %j', (process, message) => {
    expect(() => plan(process)).toThrow(message);
    expect(() => plan(process)).toThrow(expect.objectContaining({ status: 13 }));
  });
});

describe('checkExecId', () => {
  it.each(['a', '0-_.', 'x'.repeat(255)])('takes %j', (id) => checkExecId(id));
  it.each(['', '.', '-a', 'a/b', 'ä', 'x'.repeat(256)])('refuses %j', (id) => {
    expect(() => checkExecId(id)).toThrow(expect.objectContaining({ status: 13 }));
  });
});

describe('canTrace', () => {
  const none = execDefaults(decodedProcess({})).capabilities;
  it.each(['bounding', 'permitted', 'ambient'])('sees it in the %s set', (set) => {
    expect(canTrace({ ...none, [set]: ['CAP_SYS_PTRACE'] })).toBe(true);
    expect(canTrace({ ...none, [set]: ['CAP_SYS_ADMIN'] })).toBe(false);
  });
});

describe('runtimeOnlyReason', () => {
  const reason = (more: grpc.Spec.$Properties, selinux = false): string | undefined => {
    const spec = decodedSpec(more);
    return runtimeOnlyReason(spec, execDefaults(spec.Process ?? decodedProcess({})), selinux);
  };

  it('is none for an ordinary container', () => {
    expect(reason({})).toBeUndefined();
    expect(reason({ Process: { Args: ['sh'], SelinuxLabel: 'l', ApparmorProfile: 'p' } })).toBeUndefined();
  });

  it.each([
    ['a filter', { Linux: { Seccomp: { DefaultAction: 'SCMP_ACT_ALLOW' } } }, 'seccomp filter'],
    ['a user namespace', { Linux: { Namespaces: [{ Type: 'user' }] } }, 'user namespace'],
    ['a label', { Process: { Args: ['sh'], SelinuxLabel: 'l' } }, 'SELinux label'],
    ['the right to trace', { Process: { Args: ['sh'], Capabilities: { Bounding: ['SYS_PTRACE'] } } }, 'CAP_SYS_PTRACE'],
  ])('names %s', (_what, more, text) => {
    expect(reason(more, true)).toContain(text);
  });
});
