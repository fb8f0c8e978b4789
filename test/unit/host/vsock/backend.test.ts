import { describe, expect, it } from 'vitest';
import { Request } from '../../../../src/host/vsock/vhost-user.ts';
import { Op } from '../../../../src/wire/vsock/packet.ts';
import { FakeGuest, GUEST_CID, pair, regionBytes, u64 } from './fake-guest.ts';
import { afterTest, connectFromHost, openDevice, openFixture, turns } from './fixture.ts';

const SET_LOG_BASE = 6;

/** The fake guest's region as ADD_MEM_REG and REM_MEM_REG carry it, moved and resized. */
function region({ moved = 0n, size }: { moved?: bigint; size?: bigint } = {}): Buffer {
  const body = Buffer.concat([u64(0n), regionBytes()]);
  body.writeBigUInt64LE(body.readBigUInt64LE(8) + moved, 8);
  if (size !== undefined) body.writeBigUInt64LE(size, 16);
  return body;
}

describe('the control connection', () => {
  it('tells what the device is', async () => {
    const { guest } = await openFixture();
    const features = (await guest.ask(Request.GET_FEATURES)).readBigUInt64LE(0);
    expect([28n, 29n, 30n, 32n].map((bit) => (features >> bit) & 1n)).toEqual([1n, 1n, 1n, 1n]);
    expect((await guest.ask(Request.GET_QUEUE_NUM)).readBigUInt64LE(0)).toBe(2n);
    const asked = Buffer.concat([pair(0, 8), Buffer.alloc(4), Buffer.alloc(8)]);
    expect((await guest.ask(Request.GET_CONFIG, asked)).readBigUInt64LE(12)).toBe(BigInt(GUEST_CID));
  });

  it('takes messages in pieces', async () => {
    const { guest } = await openFixture();
    guest.tellBytes(Buffer.from([Request.GET_QUEUE_NUM, 0, 0, 0, 1]));
    await turns();
    guest.tellBytes(Buffer.from([0, 0, 0, 0, 0, 0, 0]));
    expect((await guest.ask(Request.GET_QUEUE_NUM)).readBigUInt64LE(0)).toBe(2n);
  });

  it.each([
    { name: 'an unknown request', request: 99, body: u64(0n) },
    { name: 'a log of dirty pages', request: SET_LOG_BASE, body: Buffer.alloc(16) },
    { name: 'features that were not offered', request: Request.SET_FEATURES, body: u64(1n << 40n) },
    { name: 'a body that is too short', request: Request.SET_VRING_NUM, body: Buffer.alloc(4) },
    { name: 'a ring that does not exist', request: Request.SET_VRING_NUM, body: pair(2, 64) },
    { name: 'a kick without a descriptor', request: Request.SET_VRING_KICK, body: u64(0x100n) },
    { name: 'a kick whose descriptor is missing', request: Request.SET_VRING_KICK, body: u64(0n) },
    { name: 'a call whose descriptor is missing', request: Request.SET_VRING_CALL, body: u64(0n) },
    { name: 'a region without a descriptor', request: Request.ADD_MEM_REG, body: region({ moved: 0x10000000n }) },
    { name: 'a region that is not there', request: Request.REM_MEM_REG, body: region({ size: 4096n }) },
    {
      name: 'a table without descriptors',
      request: Request.SET_MEM_TABLE,
      body: Buffer.concat([pair(1, 0), regionBytes()]),
    },
  ])('refuses $name, says so, and goes on', async ({ request, body }) => {
    const fixture = await openFixture();
    expect(await fixture.guest.acknowledge(request, body)).toBe(1n);
    expect(fixture.lines).toEqual([expect.stringContaining(`request ${request} of QEMU refused`)]);
    await connectFromHost(fixture);
  });

  it('refuses memory that is not in its file, or is there already', async () => {
    const fixture = await openFixture();
    const { guest } = fixture;
    const fd = guest.memoryFd;
    const tooLarge = region({ moved: 0x10000000n, size: 1n << 30n });
    expect(await guest.acknowledge(Request.ADD_MEM_REG, tooLarge, [fd])).toBe(1n);
    expect(await guest.acknowledge(Request.ADD_MEM_REG, region({ moved: 4096n }), [fd])).toBe(1n);
    expect(await guest.acknowledge(Request.ADD_MEM_REG, region({ moved: 0x10000000n, size: 0n }), [fd])).toBe(1n);
    await connectFromHost(fixture);
  });

  it('adds and removes regions while the rings run, and stops a ring whose region goes', async () => {
    const fixture = await openFixture();
    const { guest } = fixture;
    const added = region({ moved: 0x10000000n });
    expect(await guest.acknowledge(Request.ADD_MEM_REG, added, [guest.memoryFd])).toBe(0n);
    await connectFromHost(fixture);
    expect(await guest.acknowledge(Request.REM_MEM_REG, added)).toBe(0n);
    await connectFromHost(fixture);
    expect(await guest.acknowledge(Request.REM_MEM_REG, region())).toBe(1n);
    guest.kickAnyway(1);
    // Memory and rings again: the device goes on.
    await guest.stopQueues();
    guest.resetDriver();
    await guest.shareMemory();
    await guest.startQueues();
    await connectFromHost(fixture);
  });

  it('refuses to start a ring that is not aligned, has no size, or lies outside', async () => {
    const fixture = await openFixture();
    const { guest } = fixture;
    await guest.stopQueues();
    const address = Buffer.alloc(40);
    address.writeBigUInt64LE(8n, 8);
    await guest.command(Request.SET_VRING_ADDR, address);
    expect(await guest.acknowledge(Request.SET_VRING_KICK, u64(0n), [guest.memoryFd])).toBe(1n);
    await guest.command(Request.SET_VRING_NUM, pair(0, 0));
    expect(await guest.acknowledge(Request.SET_VRING_KICK, u64(0n), [guest.memoryFd])).toBe(1n);
    await guest.command(Request.SET_VRING_NUM, pair(0, 64));
    await guest.command(Request.SET_VRING_ADDR, Buffer.alloc(40));
    expect(await guest.acknowledge(Request.SET_VRING_KICK, u64(0n), [guest.memoryFd])).toBe(1n);
    expect(fixture.lines.join()).toMatch(/not aligned.*size 0.*user address 0x0.* outside guest memory/);
  });

  it('does not serve rings that are not enabled', async () => {
    const fixture = await openFixture();
    const { guest, device } = fixture;
    await guest.command(Request.SET_VRING_ENABLE, pair(0, 0));
    guest.send({ op: Op.RW, srcPort: 1, dstPort: 2 });
    await guest.ask(Request.GET_QUEUE_NUM);
    expect(device.stats.packetsFromGuest).toBe(0);
    await guest.command(Request.SET_VRING_ENABLE, pair(0, 1));
    expect((await guest.next()).header.op).toBe(Op.RST);
  });

  it('resets the rings on request', async () => {
    const fixture = await openFixture();
    const { guest } = fixture;
    await connectFromHost(fixture);
    await guest.command(Request.RESET_OWNER);
    guest.resetDriver();
    await guest.startQueues();
    await connectFromHost(fixture);
  });

  it('ends where a request cannot be done and QEMU would not hear of it', async () => {
    const { socketPath, lines } = await openDevice();
    const guest = await FakeGuest.attach(socketPath);
    afterTest(() => guest.close());
    guest.tell(99, u64(0n));
    await guest.until(() => guest.isDisconnected);
    expect(lines).toEqual([expect.stringContaining('request 99 is not known')]);
  });
});
