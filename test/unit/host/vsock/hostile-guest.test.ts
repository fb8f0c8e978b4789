import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Op } from '../../../../src/wire/vsock/packet.ts';
import { FakeGuest, GUEST_BASE, placeOf, QUEUE_SIZE } from './fake-guest.ts';
import { afterTest, closeOf, connectFromHost, type Fixture, openFixture, receiveBytes, turns } from './fixture.ts';

const RECEIVE = 0;
const TRANSMIT = 1;
const NEXT = 1;
const WRITE = 2;
const INDIRECT = 4;
const IN_MEMORY = GUEST_BASE + placeOf(TRANSMIT).buffers;

interface Descriptor {
  readonly address?: bigint | number;
  readonly length?: number;
  readonly flags?: number;
  readonly next?: number;
}

function writeDescriptor(guest: FakeGuest, at: number, descriptor: Descriptor): void {
  const { address = IN_MEMORY, length = 44, flags = 0, next = 0 } = descriptor;
  guest.memory.setBigUint64(at, BigInt(address), true);
  guest.memory.setUint32(at + 8, length, true);
  guest.memory.setUint16(at + 12, flags, true);
  guest.memory.setUint16(at + 14, next, true);
}

/** Writes a descriptor table and makes its first chain available in a queue, whatever it says. */
function offerChain(guest: FakeGuest, queue: number, descriptors: readonly Descriptor[], head = 0): void {
  const { descriptors: table, available } = placeOf(queue);
  for (const [index, descriptor] of descriptors.entries()) writeDescriptor(guest, table + index * 16, descriptor);
  const index = guest.memory.getUint16(available + 2, true);
  guest.memory.setUint16(available + 4 + (index % QUEUE_SIZE) * 2, head, true);
  guest.memory.setUint16(available + 2, (index + 1) & 0xffff, true);
  guest.kickAnyway(queue);
}

/** The device still serves a driver that starts anew, over the same QEMU. */
async function expectRecovery(fixture: Fixture): Promise<void> {
  const { guest } = fixture;
  await guest.stopQueues();
  guest.resetDriver();
  await guest.startQueues();
  const { stream } = await connectFromHost(fixture);
  stream.write('alive');
  expect((await receiveBytes(guest, 5)).toString()).toBe('alive');
}

describe('a transmit queue with', () => {
  const chains: { name: string; descriptors: Descriptor[]; head?: number; reason: string; indirect?: Descriptor[] }[] =
    [
      { name: 'a head out of range', descriptors: [{}], head: QUEUE_SIZE, reason: 'descriptor 64 of 64' },
      { name: 'a next out of range', descriptors: [{ flags: NEXT, next: 999 }], reason: 'descriptor 999 of 64' },
      { name: 'a descriptor that is its own next', descriptors: [{ flags: NEXT }], reason: 'a chain without end' },
      {
        name: 'a loop',
        descriptors: [
          { flags: NEXT, next: 1, length: 1 },
          { flags: NEXT, next: 0, length: 1 },
        ],
        reason: 'a chain without end',
      },
      { name: 'an address outside memory', descriptors: [{ address: 0x10 }], reason: 'guest address 0x10+44' },
      {
        name: 'an address past the end',
        descriptors: [{ address: 0x7fffffff0000 }],
        reason: 'is outside guest memory',
      },
      { name: 'an address beyond numbers', descriptors: [{ address: 2n ** 64n - 1n }], reason: 'beyond any memory' },
      {
        name: 'a buffer that runs out of memory',
        descriptors: [{ address: GUEST_BASE + 16 * 1024 * 1024 - 10 }],
        reason: 'is outside guest memory',
      },
      { name: 'a buffer of no bytes', descriptors: [{ length: 0 }], reason: 'a buffer of 0 bytes' },
      { name: 'a buffer of 4 GiB', descriptors: [{ length: 0xffffffff }], reason: 'a buffer of 4294967295 bytes' },
      { name: 'a buffer for the device to write', descriptors: [{ flags: WRITE }], reason: 'written by the device' },
      { name: 'less than a header', descriptors: [{ length: 43 }], reason: 'a packet of 43 bytes' },
      {
        name: 'an indirect table of odd length',
        descriptors: [{ flags: INDIRECT, length: 17 }],
        reason: 'of 17 bytes',
      },
      { name: 'an empty indirect table', descriptors: [{ flags: INDIRECT, length: 0 }], reason: 'of 0 bytes' },
      {
        name: 'an indirect table in the middle',
        descriptors: [{ flags: INDIRECT | NEXT, length: 16 }],
        reason: 'in the middle of a chain',
      },
      {
        name: 'an indirect table outside memory',
        descriptors: [{ flags: INDIRECT, length: 16, address: 0 }],
        reason: 'guest address 0x0+16',
      },
      {
        name: 'an indirect table inside another',
        descriptors: [{ flags: INDIRECT, length: 16 }],
        indirect: [{ flags: INDIRECT, length: 16 }],
        reason: 'where none may be',
      },
    ];
  it.each(chains)(
    '$name breaks the device until the driver starts anew',
    async ({ descriptors, head, reason, indirect }) => {
      const fixture = await openFixture({ indirect: true });
      const { stream } = await connectFromHost(fixture);
      const closed = closeOf(stream);
      for (const [index, descriptor] of (indirect ?? []).entries()) {
        writeDescriptor(fixture.guest, placeOf(TRANSMIT).buffers + index * 16, descriptor);
      }
      // The first entry was used for the answer to the connection.
      offerChain(fixture.guest, TRANSMIT, descriptors, head);
      await closed;
      expect(stream.errored).toMatchObject({ code: 'ERR_PROTOCOL' });
      expect(fixture.lines.join()).toContain(reason);
      await expect(fixture.device.connect(1, 1000)).rejects.toMatchObject({ code: 'ERR_PROTOCOL' });
      await expectRecovery(fixture);
    },
  );

  it('more entries than it has room for breaks the device', async () => {
    const fixture = await openFixture();
    fixture.guest.memory.setUint16(placeOf(TRANSMIT).available + 2, QUEUE_SIZE + 1, true);
    fixture.guest.kickAnyway(TRANSMIT);
    await expect.poll(() => fixture.lines.join()).toContain('65 entries are available in a queue of 64');
    await expectRecovery(fixture);
  });

  it('an indirect table that was not agreed to breaks the device', async () => {
    const fixture = await openFixture();
    offerChain(fixture.guest, TRANSMIT, [{ flags: INDIRECT, length: 16 }]);
    await expect.poll(() => fixture.lines.join()).toContain('where none may be');
  });

  it.each([
    { name: 'longer than its buffer', length: 101 },
    { name: 'longer than any packet', length: 0xffffffff },
  ])('a payload $name breaks the device', async ({ length }) => {
    const fixture = await openFixture();
    fixture.guest.send({ op: Op.RW, length }, Buffer.alloc(100));
    await expect.poll(() => fixture.lines.join()).toContain(`a payload of ${length} bytes`);
  });

  it('a payload that is all there, but longer than a packet may be, breaks the device', async () => {
    const fixture = await openFixture();
    fixture.guest.send({ op: Op.RW }, Buffer.alloc(65_537));
    await expect.poll(() => fixture.lines.join()).toContain('a payload of 65537 bytes');
  });
});

describe('a receive queue with', () => {
  it.each([
    { name: 'a buffer for the driver to write', descriptor: { length: 100 }, reason: 'written by the driver' },
    { name: 'a buffer without room for data', descriptor: { length: 44, flags: WRITE }, reason: 'buffer of 44 bytes' },
    {
      name: 'an address outside memory',
      descriptor: { address: 1, length: 99, flags: WRITE },
      reason: 'outside guest',
    },
  ])('$name breaks the device', async ({ descriptor, reason }) => {
    const fixture = await openFixture({ holdBuffers: true });
    offerChain(fixture.guest, RECEIVE, [descriptor]);
    await expect(fixture.device.connect(1, 5000)).rejects.toMatchObject({ code: 'ERR_PROTOCOL' });
    expect(fixture.lines.join()).toContain(reason);
  });
});

describe('a guest that asks for resets and never takes them', () => {
  it('is served no further at a limit, and goes on when it takes them', async () => {
    const { device, guest } = await openFixture({ holdBuffers: true });
    const limit = 1024;
    for (let port = 1; port <= limit; port += 1) {
      await guest.room();
      guest.send({ op: Op.RW, srcPort: port, dstPort: 1 });
    }
    await expect.poll(() => device.stats.packetsFromGuest).toBe(limit);
    guest.send({ op: Op.RW, srcPort: limit + 1, dstPort: 1 });
    // The next turn of the loop would have served it.
    await turns();
    expect(device.stats.packetsFromGuest).toBe(limit);
    guest.giveBuffers();
    await guest.until(() => guest.packets.length === limit + 1);
    expect(guest.packets.every(({ header }) => header.op === Op.RST)).toBe(true);
  });
});

describe('random guests', () => {
  const address = fc.oneof(
    fc.constant(BigInt(IN_MEMORY)),
    fc.integer({ min: GUEST_BASE, max: GUEST_BASE + 16 * 1024 * 1024 }).map(BigInt),
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  );
  const descriptor = fc.record({
    address,
    length: fc.oneof(fc.constant(44), fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 0xffffffff })),
    flags: fc.oneof(fc.constant(0), fc.constant(WRITE), fc.integer({ min: 0, max: 0xffff })),
    next: fc.oneof(fc.integer({ min: 0, max: QUEUE_SIZE }), fc.integer({ min: 0, max: 0xffff })),
  });
  const scenario = fc.record({
    queue: fc.constantFrom(RECEIVE, TRANSMIT),
    table: fc.array(descriptor, { minLength: 1, maxLength: 16 }),
    heads: fc.array(fc.integer({ min: 0, max: 16 }), { minLength: 1, maxLength: 8 }),
    jump: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })),
    /** Fills the buffers that descriptors point to: headers, and descriptors of indirect tables. */
    bytes: fc.uint8Array({ minLength: 64, maxLength: 512 }),
  });

  it('with any descriptor table and any index never stop the host, nor another guest', async () => {
    const fixture = await openFixture({ indirect: true });
    const other = await openFixture();
    const { stream } = await connectFromHost(other);
    fixture.device.listen(2000, () => {});
    await fc.assert(
      fc.asyncProperty(scenario, async ({ queue, table, heads, jump, bytes }) => {
        const { guest } = fixture;
        await guest.stopQueues();
        guest.resetDriver();
        await guest.startQueues();
        new Uint8Array(guest.memory.buffer, placeOf(TRANSMIT).buffers, bytes.length).set(bytes);
        // A request that the device has something to send for, so that it uses the receive queue too.
        fixture.device.connect(1, 1000).catch(() => {});
        for (const head of heads) offerChain(guest, queue, table, head);
        const { available } = placeOf(queue);
        guest.memory.setUint16(available + 2, (guest.memory.getUint16(available + 2, true) + jump) & 0xffff, true);
        guest.kickAnyway(queue);
        stream.write('x');
        await receiveBytes(other.guest, 1);
      }),
      { numRuns: 300 },
    );
    await expectRecovery(fixture);
  });

  it('with any packets on any connection never stop the host, nor another guest', async () => {
    const fixture = await openFixture();
    const other = await openFixture();
    const { stream } = await connectFromHost(other);
    fixture.device.listen(2000, (accepted) => accepted.pipe(accepted));
    const packet = fc.record({
      op: fc.oneof(fc.constantFrom(...Object.values(Op)), fc.integer({ min: 0, max: 0xffff })),
      flags: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 0xffffffff })),
      srcPort: fc.integer({ min: 1, max: 3 }),
      dstPort: fc.constantFrom(2000, 2001),
      type: fc.oneof(
        { weight: 9, arbitrary: fc.constant(1) },
        { weight: 1, arbitrary: fc.integer({ min: 0, max: 9 }) },
      ),
      bufAlloc: fc.oneof(fc.constant(4096), fc.integer({ min: 0, max: 0xffffffff })),
      fwdCnt: fc.integer({ min: 0, max: 0xffffffff }),
      bytes: fc.integer({ min: 0, max: 5000 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(packet, { maxLength: 30 }), async (packets) => {
        for (const { bytes, ...fields } of packets) {
          await fixture.guest.room();
          fixture.guest.send(fields, Buffer.alloc(bytes));
        }
        stream.write('x');
        await receiveBytes(other.guest, 1);
      }),
      { numRuns: 200 },
    );
    // No packet is a breach of the queue itself.
    expect(fixture.lines).toEqual([]);
    await connectFromHost(fixture);
  });
});

describe('a second device in the process', () => {
  it('is not touched by the end of the first', async () => {
    const first = await openFixture();
    const second = await openFixture();
    const { stream } = await connectFromHost(second);
    offerChain(first.guest, TRANSMIT, [{ length: 0 }]);
    await expect.poll(() => first.lines.length).toBe(1);
    stream.write('alive');
    expect((await receiveBytes(second.guest, 5)).toString()).toBe('alive');
    const third = await FakeGuest.attach(second.socketPath);
    afterTest(() => third.close());
  });
});
