import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeAddress, encodeAddress } from '../../../src/linux/rtnetlink-address.ts';
import { decodeLink, encodeLinkChange } from '../../../src/linux/rtnetlink-link.ts';
import { decodeNeighbor, encodeNeighbor } from '../../../src/linux/rtnetlink-neighbor.ts';
import { decodeRoute, encodeAgain, encodeRoute } from '../../../src/linux/rtnetlink-route.ts';
import { runInNamespaces } from './in-namespaces.ts';

const bytes = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((value) => Buffer.from(value));
const address = fc.oneof(bytes(4), bytes(16));
const byte = fc.integer({ min: 0, max: 0xff });
const index = fc.integer({ min: 1, max: 0x7fff_ffff });
const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });

describe('the structures of rtnetlink', () => {
  it('links come out as a change of them went in', () => {
    const mtu = fc.integer({ min: 1, max: 0xffff_ffff });
    fc.assert(
      fc.property(
        index,
        fc.stringMatching(/^[a-z0-9]{1,15}$/),
        bytes(6),
        mtu,
        uint32,
        (link, name, mac, size, flags) => {
          const change = { name, address: mac, mtu: size, flags: { mask: 0xff, values: flags } };
          expect(decodeLink(encodeLinkChange(link, change))).toEqual({
            ...{ index: link, name, address: mac, mtu: size, flags, hardware: 0 },
          });
        },
      ),
    );
  });

  it('addresses come out as they went in', () => {
    fc.assert(
      fc.property(
        address,
        index,
        byte,
        uint32,
        byte,
        fc.option(bytes(4)),
        (local, link, length, flags, scope, last) => {
          const one = {
            index: link,
            local,
            prefixLength: length,
            peer: local,
            broadcast: last ?? undefined,
            flags,
            scope,
          };
          expect(decodeAddress(encodeAddress(one))).toEqual(one);
        },
      ),
    );
  });

  it('neighbours come out as they went in', () => {
    fc.assert(
      fc.property(address, index, fc.option(bytes(6)), byte, byte, (destination, link, mac, state, flags) => {
        const one = { link, destination, address: mac ?? undefined, state, flags };
        expect(decodeNeighbor(encodeNeighbor(one))).toEqual(one);
      }),
    );
  });

  it('routes come out as they went in, and once more in the kernel’s own form, but for the flags that tell a state', () => {
    const route = fc.constantFrom(4, 16).chain((size) =>
      fc.record({
        family: fc.constant(size === 4 ? 2 : 10),
        destination: fc.record({ address: bytes(size), length: fc.integer({ min: 1, max: size * 8 }) }),
        sourceSelector: fc.record({ address: bytes(size), length: fc.integer({ min: 1, max: size * 8 }) }),
        gateway: fc.option(bytes(size), { nil: undefined }),
        preferredSource: fc.option(bytes(size), { nil: undefined }),
        link: index,
        scope: byte,
        type: byte,
        protocol: byte,
        table: fc.integer({ min: 1, max: 0xffff_ffff }),
        flags: uint32,
        mtu: uint32,
        typeOfService: byte,
        priority: uint32,
      }),
    );
    fc.assert(
      fc.property(route, (one) => {
        const { payload, ...decoded } = decodeRoute(encodeRoute(one));
        expect(decoded).toEqual(one);
        const { payload: _again, ...again } = decodeRoute(encodeAgain({ ...decoded, payload }));
        expect(again).toEqual({ ...one, flags: one.flags & 6 });
      }),
    );
  });

  it('a route with several next hops has the first one’s', () => {
    const hop = (link: number, last: number): Buffer => {
      const header = Buffer.alloc(8);
      header.writeUInt16LE(16, 0);
      header.writeInt32LE(link, 4);
      return Buffer.concat([header, Buffer.from([8, 0, 5, 0, 10, 0, 0, last])]);
    };
    const hops = Buffer.concat([hop(3, 1), hop(4, 2)]);
    const header = Buffer.alloc(12);
    header.writeUInt8(2, 0);
    const attribute = Buffer.from([4 + hops.length, 0, 9, 0]);
    expect(decodeRoute(Buffer.concat([header, attribute, hops]))).toMatchObject({
      link: 3,
      gateway: Buffer.from([10, 0, 0, 1]),
    });
  });
});

describe('Rtnetlink', () => {
  it('reads tables that take many reads, and leaves no descriptor', () => {
    const output = runInNamespaces(
      ['-n'],
      { rtnetlink: 'withRtnetlink', 'node:fs': 'readdirSync' },
      `
      const descriptors = () => readdirSync('/proc/self/fd').length;
      const before = descriptors();
      const destination = (n) => ({ address: Uint8Array.of(10, n >> 8, n & 255, 0), length: 24 });
      const none = { address: new Uint8Array(), length: 0 };
      const route = (n) => ({ family: 2, destination: destination(n), sourceSelector: none, gateway: undefined,
        preferredSource: undefined, link: 1, scope: 253, type: 1, protocol: 3, table: 254, flags: 0, mtu: 0,
        typeOfService: 0, priority: 0 });
      const found = withRtnetlink((tables) => {
        tables.setLink(1, { flags: { mask: 1, values: 1 } }, 'up');
        for (let n = 0; n < 3000; n++) tables.replaceRoute(route(n), 'add');
        return tables.routes(2).filter(({ table }) => table === 254);
      });
      const different = new Set(found.map(({ destination: { address } }) => address.join('.')));
      console.log(JSON.stringify([found.length, different.size, descriptors() - before]));
    `,
    );
    expect(JSON.parse(output)).toEqual([3000, 3000, 0]);
  });

  it('says what failed, why, and in the kernel’s own words', () => {
    const output = runInNamespaces(
      ['-n'],
      { rtnetlink: 'withRtnetlink' },
      `
      const tell = (use) => { try { withRtnetlink(use); } catch (error) { console.log(error.errno, error.message); } };
      const broken = { index: 1, local: Uint8Array.of(10, 0, 0, 1), prefixLength: 33, peer: Uint8Array.of(10, 0, 0, 1),
        broadcast: undefined, flags: 0, scope: 0 };
      tell((tables) => tables.setLink(99, { mtu: 1500 }, 'set mtu of nothing'));
      tell((tables) => tables.replaceAddress(broken, 'add nonsense'));
    `,
    );
    const [missing, nonsense] = output.split('\n');
    expect(missing).toBe('ENODEV set mtu of nothing: ENODEV');
    // Older kernels have no sentence for it.
    expect(nonsense).toMatch(/^EINVAL add nonsense: EINVAL( \(.*\))?$/);
  });
});
