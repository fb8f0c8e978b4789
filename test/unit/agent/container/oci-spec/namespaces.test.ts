import { describe, expect, it } from 'vitest';
import { convertNamespaces } from '../../../../../src/agent/container/oci-spec/namespaces.ts';
import { grpc } from '../../../../../src/wire/generated/proto.js';

const SHARED = { ipc: '/ns/ipc', uts: '/ns/uts', pid: undefined };
const given = (...types: string[]) => types.map((Type) => new grpc.LinuxNamespace({ Type }));

describe('convertNamespaces', () => {
  it("joins the sandbox's, makes a pid namespace, and a cgroup namespace in version 2", () => {
    expect(convertNamespaces(given('pid', 'ipc', 'uts', 'mount'), SHARED, 2)).toEqual([
      { type: 'ipc', path: '/ns/ipc' },
      { type: 'uts', path: '/ns/uts' },
      { type: 'mount', path: undefined },
      { type: 'cgroup', path: undefined },
      { type: 'pid', path: undefined },
    ]);
  });

  it('joins a shared pid namespace, and adds nothing else in version 1', () => {
    expect(convertNamespaces(given('mount'), { ...SHARED, pid: '/proc/7/ns/pid' }, 1)).toEqual([
      { type: 'mount', path: undefined },
      { type: 'pid', path: '/proc/7/ns/pid' },
    ]);
  });

  it("takes the kernel's names of the network and the mount namespace", () => {
    const types = convertNamespaces(given('net', 'mnt'), SHARED, 1).map(({ type }) => type);
    expect(types).toEqual(['network', 'mount', 'pid']);
  });

  it.each([
    [['Network'], '"Network" is no type of namespace'],
    [['mount', 'mount'], '"mount" is given twice'],
    [['mount', 'mnt'], '"mnt" is given twice'],
  ])('refuses %j', (types, text) => {
    expect(() => convertNamespaces(given(...types), SHARED, 2)).toThrow(text);
  });
});
