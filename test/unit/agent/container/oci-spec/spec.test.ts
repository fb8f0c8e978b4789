import { describe, expect, it } from 'vitest';
import { mergeHooks } from '../../../../../src/agent/container/oci-spec/hooks.ts';
import { convertSpec, type SpecContext } from '../../../../../src/agent/container/oci-spec/spec.ts';
import { decodedLinux, decodedSpec } from './decoded.ts';

const CONTEXT: SpecContext = {
  rootPath: '/bundle/rootfs',
  cgroupsPath: '/pod/c1',
  cgroupVersion: 2,
  shared: { ipc: '/ns/ipc', uts: '/ns/uts', pid: undefined },
  hooks: mergeHooks(null, { prestart: [], poststart: [], poststop: [] }),
  selinux: false,
};
const UTS = { Namespaces: [{ Type: 'mount' }, { Type: 'uts' }] };

describe('convertSpec', () => {
  it('puts the parts together', () => {
    const { config, warnings } = convertSpec(decodedSpec({ Root: { Path: '/x', Readonly: true } }), CONTEXT);
    expect(config).toMatchObject({
      ociVersion: '1.0.2',
      process: { args: ['sh'] },
      root: { path: '/bundle/rootfs', readonly: true },
      mounts: [],
      linux: { cgroupsPath: '/pod/c1', rootfsPropagation: 'rslave' },
    });
    expect(warnings).toEqual([]);
  });

  it('drops the host name in a joined UTS namespace, and keeps it in a new one', () => {
    const spec = decodedSpec({ Hostname: 'pod1', Linux: UTS });
    expect(convertSpec(spec, CONTEXT).config['hostname']).toBeUndefined();
    const alone = { ...CONTEXT, shared: { ipc: undefined, uts: undefined, pid: undefined } };
    expect(convertSpec(spec, alone).config['hostname']).toBe('pod1');
  });

  it('keeps annotations, but for those that are orders to the runtime', () => {
    const { config } = convertSpec(decodedSpec({ Annotations: { 'run.oci.handler': 'krun', 'io.x/y': 'z' } }), CONTEXT);
    expect(config['annotations']).toEqual({ 'io.x/y': 'z' });
  });

  it.each([
    [{ Process: null }, 'OCI.Process: null is missing'],
    [{ Root: null }, 'OCI.Root: null is missing'],
    [{ Linux: null }, 'OCI.Linux: null is missing'],
    [{ Hostname: 'h' }, 'Hostname: "h" needs a namespace of type uts'],
    [{ Linux: decodedLinux({ MaskedPaths: ['/x'] }) }, 'Linux.MaskedPaths: ["/x"] needs a namespace of type mount'],
    [{ Linux: decodedLinux({ UIDMappings: [{ Size: 1 }] }) }, 'needs a namespace of type user'],
    [{ Linux: decodedLinux({ Namespaces: [{ Type: 'user' }] }) }, 'needs UIDMappings and GIDMappings'],
    [{ Linux: decodedLinux({ RootfsPropagation: 'up' }) }, 'Linux.RootfsPropagation: "up"'],
    [{ Linux: decodedLinux({ Sysctl: { 'kernel.panic': '1' } }) }, 'Linux.Sysctl: "kernel.panic"'],
  ])('refuses %j', (more, text) => {
    expect(() => convertSpec(decodedSpec(more), CONTEXT)).toThrow(expect.objectContaining({ status: 13 }));
    expect(() => convertSpec(decodedSpec(more), CONTEXT)).toThrow(text);
  });
});
