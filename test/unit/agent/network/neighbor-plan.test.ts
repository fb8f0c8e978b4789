import { describe, expect, it } from 'vitest';
import { planNeighbors } from '../../../../src/agent/network/neighbor-plan.ts';
import { types } from '../../../../src/wire/generated/proto.js';

const GOOD = { toIPAddress: { address: '10.0.0.1' }, device: 'eth0', lladdr: '02:00:00:00:00:01' };
const plan = (...neighbors: types.ARPNeighbor.$Properties[]) =>
  planNeighbors(neighbors.map((each) => types.ARPNeighbor.decode(types.ARPNeighbor.encode(each).finish())));

describe('planNeighbors', () => {
  it('reads what a shim sends; state 0 is a permanent entry', () => {
    const [first, second, third] = plan(GOOD, { ...GOOD, state: 2, flags: 1 }, { ...GOOD, lladdr: '' });
    expect(first).toMatchObject({
      device: 'eth0',
      neighbor: {
        destination: Buffer.from([10, 0, 0, 1]),
        address: Buffer.from('020000000001', 'hex'),
        state: 0x80,
        flags: 0,
      },
    });
    expect(second?.neighbor).toMatchObject({ state: 2, flags: 1 });
    expect(third?.neighbor.address).toBeUndefined();
  });

  const wrong: [types.ARPNeighbor.$Properties, string][] = [
    [{ toIPAddress: null }, 'neighbors.ARPNeighbors[1].toIPAddress.address: "" is no IP address'],
    [{ toIPAddress: { address: '10.0.0' } }, '.toIPAddress.address: "10.0.0" is no IP address'],
    [{ lladdr: '1:2' }, '.lladdr: "1:2" is no hardware address'],
    [{ state: -1 }, '.state: -1 is not from 0 to 65535'],
    [{ state: 0x1_0000 }, '.state: 65536 is not'],
    [{ flags: 256 }, '.flags: 256 is not from 0 to 255'],
    [{ flags: -1 }, '.flags: -1 is not'],
  ];
  it.each(wrong)('%j is refused by name', (more, message) => {
    expect(() => plan(GOOD, { ...GOOD, ...more })).toThrow(message);
  });
});
