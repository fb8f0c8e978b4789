import Long from 'long';
import { describe, expect, it } from 'vitest';
import { convertProcess } from '../../../../../src/agent/container/oci-spec/process.ts';
import { decodedProcess } from './decoded.ts';

const ignore = (): void => {};

describe('convertProcess', () => {
  it('converts what the host sends', () => {
    const warnings: string[] = [];
    const given = decodedProcess({
      Args: ['sleep', '1'],
      Env: ['A=1'],
      Cwd: '/work',
      User: { UID: 1000, GID: 100, AdditionalGids: [5, 6], Username: 'somebody' },
      Capabilities: { Bounding: ['CAP_KILL', 'CAP_NEW'], Effective: ['CAP_KILL'] },
      Rlimits: [{ Type: 'RLIMIT_NOFILE', Hard: Long.MAX_UNSIGNED_VALUE, Soft: Long.fromNumber(1024, true) }],
      NoNewPrivileges: true,
      ApparmorProfile: 'docker-default',
      OOMScoreAdj: Long.fromNumber(-998),
      SelinuxLabel: 'system_u:system_r:container_t:s0',
    });
    expect(convertProcess(given, false, (warning) => warnings.push(warning))).toEqual({
      terminal: false,
      user: { uid: 1000, gid: 100, additionalGids: [5, 6], umask: 0o022 },
      args: ['sleep', '1'],
      env: ['A=1', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
      cwd: '/work',
      capabilities: { bounding: ['CAP_KILL'], effective: ['CAP_KILL'], inheritable: [], permitted: [], ambient: [] },
      rlimits: [{ type: 'RLIMIT_NOFILE', hard: 2n ** 64n - 1n, soft: 1024n }],
      noNewPrivileges: true,
      oomScoreAdj: -998n,
      selinuxLabel: undefined,
    });
    expect(warnings).toEqual(['Process.Capabilities.Bounding: "CAP_NEW" is unknown and was dropped']);
  });

  it('always says an oom score, a working directory, and no capabilities where none are given', () => {
    const converted = convertProcess(decodedProcess({ Cwd: '' }), false, ignore);
    expect(converted).toMatchObject({ oomScoreAdj: 0n, cwd: '/', capabilities: { bounding: [] } });
  });

  it('keeps the SELinux label where the kernel has it on', () => {
    expect(convertProcess(decodedProcess({ SelinuxLabel: 'a:b:c:s0' }), true, ignore)).toMatchObject({
      selinuxLabel: 'a:b:c:s0',
    });
  });

  const limit = (Type: string, Hard: number, Soft: number) => ({
    Rlimits: [{ Type, Hard: Long.fromNumber(Hard, true), Soft: Long.fromNumber(Soft, true) }],
  });
  it.each([
    [{ Args: [] }, 'Process.Args: [] names no program'],
    [{ Cwd: 'tmp' }, 'Process.Cwd: "tmp" is not absolute'],
    [{ OOMScoreAdj: Long.fromNumber(1001) }, 'Process.OOMScoreAdj: "1001" is outside -1000..1000'],
    [limit('RLIMIT_FOO', 1, 1), 'Process.Rlimits.Type: "RLIMIT_FOO" is no resource limit'],
    [limit('RLIMIT_CORE', 1, 2), 'Process.Rlimits RLIMIT_CORE: "2" is above its hard limit 1'],
  ])('refuses %j', (more, text) => {
    expect(() => convertProcess(decodedProcess(more), false, ignore)).toThrow(
      expect.objectContaining({ message: text, status: 13 }),
    );
  });
});
