import Long from 'long';
import { describe, expect, it } from 'vitest';
import { convertDevice, deviceRules } from '../../../../../src/agent/container/oci-spec/devices.ts';
import { grpc } from '../../../../../src/wire/generated/proto.js';

const int = (value: number): Long => Long.fromNumber(value);
const rule = (more: grpc.LinuxDeviceCgroup.$Properties): grpc.LinuxDeviceCgroup =>
  grpc.LinuxDeviceCgroup.decode(grpc.LinuxDeviceCgroup.encode(more).finish());
const device = (more: grpc.LinuxDevice.$Properties): grpc.LinuxDevice =>
  grpc.LinuxDevice.decode(grpc.LinuxDevice.encode(more).finish());

describe('deviceRules', () => {
  it('denies all but the usual devices', () => {
    const rules = deviceRules([], []);
    expect(rules[0]).toEqual({ allow: false, access: 'rwm' });
    expect(rules).toContainEqual({ allow: true, type: 'c', major: 1, minor: 3, access: 'rwm' });
    expect(rules).toContainEqual({ allow: true, type: 'c', major: 136, minor: undefined, access: 'rwm' });
    expect(rules.filter(({ allow }) => allow === false)).toHaveLength(1);
  });

  it('allows everything to a privileged container', () => {
    expect(deviceRules([rule({ Allow: true, Type: 'a', Access: 'rwm' })], [])).toEqual([
      { allow: true, type: 'a', access: 'rwm' },
    ]);
  });

  it('adds what the request asks for, but not a denial that would take the usual devices away', () => {
    const usual = deviceRules([], []);
    const deny = rule({ Allow: false, Type: 'a', Access: 'rwm' });
    const fuse = rule({ Allow: true, Type: 'c', Major: int(10), Minor: int(229), Access: 'rw' });
    const anyBlock = rule({ Allow: true, Type: 'b', Major: int(8), Minor: int(-1), Access: 'r' });
    expect(deviceRules([deny, fuse, anyBlock], []).slice(usual.length)).toEqual([
      { allow: true, type: 'c', major: 10n, minor: 229n, access: 'rw' },
      { allow: true, type: 'b', major: 8n, access: 'r' },
    ]);
  });

  it('lets a container use the nodes that it is given', () => {
    const node = device({ Path: '/dev/fuse', Type: 'c', Major: int(10), Minor: int(229) });
    const pipe = device({ Path: '/dev/pipe', Type: 'p' });
    expect(deviceRules([], [node, pipe]).at(-1)).toEqual({
      allow: true,
      type: 'c',
      major: 10n,
      minor: 229n,
      access: 'rwm',
    });
  });

  it.each([
    [{ Type: 'x' }, 'Linux.Resources.Devices.Type: "x"'],
    [{ Type: 'c', Access: 'rx' }, 'Linux.Resources.Devices.Access: "rx"'],
  ])('refuses %j', (given, text) => {
    expect(() => deviceRules([rule(given)], [])).toThrow(text);
  });
});

describe('convertDevice', () => {
  it('keeps a minor number of zero', () => {
    expect(convertDevice(device({ Path: '/dev/x', Type: 'c', Major: int(5), FileMode: 0o600, UID: 3 }))).toEqual({
      path: '/dev/x',
      type: 'c',
      major: 5n,
      minor: 0n,
      fileMode: 0o600,
      uid: 3,
      gid: 0,
    });
  });

  it.each([
    [{ Path: 'x', Type: 'c' }, 'Linux.Devices.Path: "x" is not absolute'],
    [{ Path: '/x', Type: 'z' }, 'Linux.Devices.Type of /x: "z"'],
  ])('refuses %j', (given, text) => {
    expect(() => convertDevice(device(given))).toThrow(text);
  });
});
