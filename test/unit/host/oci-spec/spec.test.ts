import { describe, expect, it } from 'vitest';
import { buildSpec, DEFAULT_PATH } from '../../../../src/host/oci-spec/spec.ts';

const CONTAINER = {
  containerId: 'c1',
  args: ['echo', 'hi'],
  env: ['A=1'],
  cwd: '/work',
  user: { uid: 33, gid: 44, additionalGids: [4] },
  hostname: 'web',
  rootPath: '/run/kata-containers/shared/containers/c1/rootfs',
  readOnlyRoot: true,
  volumes: [{ source: '/run/kata-containers/shared/containers/c1-0-data', destination: '/data', readOnly: true }],
};

describe('buildSpec()', () => {
  const spec = buildSpec(CONTAINER);

  it('puts the process into it', () => {
    expect(spec.Process).toMatchObject({
      Args: ['echo', 'hi'],
      Cwd: '/work',
      Env: [DEFAULT_PATH, 'A=1'],
      User: { UID: 33, GID: 44, AdditionalGids: [4] },
      NoNewPrivileges: false,
    });
    expect(spec.Root).toEqual({ Path: CONTAINER.rootPath, Readonly: true });
    expect(spec.Hostname).toBe('web');
  });

  it('keeps a PATH that was given', () => {
    expect(buildSpec({ ...CONTAINER, env: ['PATH=/x'] }).Process?.Env).toEqual(['PATH=/x']);
  });

  it('has only the namespaces that the shim leaves, and no path in them', () => {
    expect(spec.Linux?.Namespaces).toEqual([{ Type: 'ipc' }, { Type: 'uts' }, { Type: 'mount' }]);
    expect(spec.Linux?.CgroupsPath).toBe('/kata-sandbox/c1');
  });

  it('gives no capability that reaches beyond the container', () => {
    const all = Object.values(spec.Process?.Capabilities ?? {}).flat();
    for (const name of ['CAP_SYS_ADMIN', 'CAP_SYS_MODULE', 'CAP_SYS_PTRACE', 'CAP_NET_ADMIN'])
      expect(all).not.toContain(name);
  });

  it('mounts volumes after everything else', () => {
    expect(spec.Mounts?.at(-1)).toEqual({
      destination: '/data',
      source: CONTAINER.volumes[0]?.source,
      type: 'bind',
      options: ['rbind', 'rprivate', 'ro'],
    });
  });
});
