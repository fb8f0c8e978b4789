import { describe, expect, it } from 'vitest';
import { convertMount } from '../../../../../src/agent/container/oci-spec/mounts.ts';
import { grpc } from '../../../../../src/wire/generated/proto.js';

const mount = (more: grpc.Mount.$Properties): grpc.Mount => grpc.Mount.decode(grpc.Mount.encode(more).finish());

describe('convertMount', () => {
  it.each([
    ['local', ['rbind', 'rw']],
    ['', ['bind']],
    ['bind', ['ro']],
  ])('makes a bind of the type %j with the options %j', (type, options) => {
    expect(convertMount(mount({ destination: '/data', source: '/guest', type, options }))).toEqual({
      destination: '/data',
      type: 'bind',
      source: '/guest',
      options,
    });
  });

  it('leaves other types as they are', () => {
    const proc = { destination: '/proc', source: 'proc', type: 'proc', options: ['nosuid'] };
    expect(convertMount(mount(proc))).toEqual(proc);
  });

  it.each([
    [{ destination: 'data', type: 'tmpfs' }, 'Mounts.destination: "data" is not absolute'],
    [{ destination: '/data', type: 'bind' }, 'Mounts.source of /data: "" is empty'],
  ])('refuses %j', (given, text) => {
    expect(() => convertMount(mount(given))).toThrow(text);
  });
});
