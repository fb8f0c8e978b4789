import Long from 'long';
import { describe, expect, it } from 'vitest';
import { convertSeccomp } from '../../../../../src/agent/container/oci-spec/seccomp.ts';
import { grpc } from '../../../../../src/wire/generated/proto.js';

const seccomp = (more: grpc.LinuxSeccomp.$Properties): grpc.LinuxSeccomp =>
  grpc.LinuxSeccomp.decode(grpc.LinuxSeccomp.encode({ DefaultAction: 'SCMP_ACT_ALLOW', ...more }).finish());

describe('convertSeccomp', () => {
  it('converts rules, with arguments of 64 bits', () => {
    const given = seccomp({
      DefaultAction: 'SCMP_ACT_ERRNO',
      Architectures: ['SCMP_ARCH_X86_64'],
      Syscalls: [
        { Names: ['read', 'write'], Action: 'SCMP_ACT_ALLOW' },
        {
          Names: ['clone'],
          Action: 'SCMP_ACT_ERRNO',
          errnoret: 38,
          Args: [{ Index: Long.UZERO, Value: Long.MAX_UNSIGNED_VALUE, ValueTwo: Long.UZERO, Op: 'SCMP_CMP_MASKED_EQ' }],
        },
      ],
    });
    expect(convertSeccomp(given)).toEqual({
      defaultAction: 'SCMP_ACT_ERRNO',
      architectures: ['SCMP_ARCH_X86_64'],
      flags: [],
      syscalls: [
        { names: ['read', 'write'], action: 'SCMP_ACT_ALLOW', errnoRet: undefined, args: [] },
        {
          names: ['clone'],
          action: 'SCMP_ACT_ERRNO',
          errnoRet: 38,
          args: [{ index: 0n, value: 2n ** 64n - 1n, valueTwo: 0n, op: 'SCMP_CMP_MASKED_EQ' }],
        },
      ],
    });
  });

  it.each([
    [{}, 1],
    [{ errnoret: 0 }, 0],
  ])('answers EPERM only where no errno is given: %j', (errno, expected) => {
    const { syscalls } = convertSeccomp(seccomp({ Syscalls: [{ Names: ['x'], Action: 'SCMP_ACT_ERRNO', ...errno }] }));
    expect(syscalls).toMatchObject([{ errnoRet: expected }]);
  });

  it.each([
    [{ DefaultAction: 'SCMP_ACT_MAYBE' }, 'Linux.Seccomp.DefaultAction: "SCMP_ACT_MAYBE"'],
    [{ Architectures: ['x86'] }, 'Linux.Seccomp.Architectures: "x86"'],
    [{ Flags: ['FLAG'] }, 'Linux.Seccomp.Flags: "FLAG"'],
    [{ Syscalls: [{ Action: 'ALLOW' }] }, 'Linux.Seccomp.Syscalls.Action: "ALLOW"'],
    [{ Syscalls: [{ Action: 'SCMP_ACT_LOG', Args: [{ Op: '==' }] }] }, 'Linux.Seccomp.Syscalls.Args.Op: "=="'],
  ])('refuses %j', (given, text) => {
    expect(() => convertSeccomp(seccomp(given))).toThrow(text);
  });
});
