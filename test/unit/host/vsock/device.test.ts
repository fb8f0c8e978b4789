import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { VsockDevice } from '../../../../src/host/vsock/device.ts';
import { CONNECTION_BUFFER_BYTES, CONNECTIONS_MAX } from '../../../../src/host/vsock/limits.ts';
import { Request } from '../../../../src/host/vsock/vhost-user.ts';
import { KataError } from '../../../../src/wire/error.ts';
import { Op, Shutdown } from '../../../../src/wire/vsock/packet.ts';
import { FakeGuest } from './fake-guest.ts';
import {
  afterTest,
  closeOf,
  connectFromHost,
  openDevice,
  openFixture,
  PORT,
  readToEnd,
  receiveBytes,
} from './fixture.ts';

/** Ports of a connection that the guest makes. */
const GUEST_PORTS = { srcPort: 40_000, dstPort: 2000 };

/** Reads exactly so many bytes. */
async function takeBytes(stream: Duplex, bytes: number): Promise<void> {
  while (stream.read(bytes) === null) await once(stream, 'readable');
}

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

describe('VsockDevice.connect()', () => {
  it('resolves when the guest has accepted, and carries bytes both ways', async () => {
    const fixture = await openFixture();
    const { stream, ports } = await connectFromHost(fixture);
    stream.write('to the guest');
    expect((await receiveBytes(fixture.guest, 12)).toString()).toBe('to the guest');
    fixture.guest.send({ op: Op.RW, ...ports }, Buffer.from('to the host'));
    const [chunk] = await once(stream, 'data');
    expect(String(chunk)).toBe('to the host');
  });

  it('rejects with ECONNREFUSED where the guest answers RST', async () => {
    const { device, guest } = await openFixture();
    const connecting = device.connect(PORT, 5000);
    const { header } = await guest.next(Op.REQUEST);
    guest.send({ op: Op.RST, srcPort: PORT, dstPort: header.srcPort });
    await expect(connecting).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE', errno: 'ECONNREFUSED' });
    expect(device.stats.connections).toBe(0);
  });

  it('rejects with ERR_DEADLINE where no answer comes, and takes its request back', async () => {
    const { device, guest } = await openFixture();
    const connecting = device.connect(PORT, 20);
    await guest.next(Op.REQUEST);
    await expect(connecting).rejects.toMatchObject({ code: 'ERR_DEADLINE', errno: 'ETIMEDOUT' });
    await guest.next(Op.RST);
  });

  it('waits for a guest that is not there yet', async () => {
    const fixture = await openDevice();
    const connecting = fixture.device.connect(PORT, 5000);
    const guest = await FakeGuest.start(fixture.socketPath);
    afterTest(() => guest.close());
    const { header } = await guest.next(Op.REQUEST);
    guest.send({ op: Op.RESPONSE, srcPort: PORT, dstPort: header.srcPort });
    await connecting;
  });

  it('refuses a port that is none', async () => {
    const { device } = await openFixture();
    await expect(device.connect(-1, 10)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
  });

  it.each([0, 2, 0xffffffff, 3.5])('is not opened for context id %s', async (guestCid) => {
    await expect(VsockDevice.open({ socketPath: '/nowhere', guestCid })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
    });
  });
});

describe('VsockDevice.listen()', () => {
  it('takes connections of the guest', async () => {
    const { device, guest } = await openFixture();
    const { promise, resolve } = Promise.withResolvers<Duplex>();
    device.listen(GUEST_PORTS.dstPort, resolve);
    guest.send({ op: Op.REQUEST, ...GUEST_PORTS });
    const { header } = await guest.next();
    expect(header).toMatchObject({ op: Op.RESPONSE, srcPort: 2000, dstPort: 40_000 });
    expect(header.bufAlloc).toBe(CONNECTION_BUFFER_BYTES);
    const stream = await promise;
    guest.send({ op: Op.RW, ...GUEST_PORTS }, Buffer.from('hello'));
    expect(String((await once(stream, 'data'))[0])).toBe('hello');
  });

  it('refuses a port twice, and answers RST after it was closed', async () => {
    const { device, guest } = await openFixture();
    const listener = device.listen(2000, () => {});
    expect(() => device.listen(2000, () => {})).toThrow(expect.objectContaining({ code: 'ERR_ALREADY_EXISTS' }));
    listener.close();
    guest.send({ op: Op.REQUEST, ...GUEST_PORTS });
    expect((await guest.next()).header).toMatchObject({ op: Op.RST, srcPort: 2000, dstPort: 40_000 });
  });

  it(`takes at most ${CONNECTIONS_MAX} connections`, async () => {
    const { device, guest } = await openFixture();
    device.listen(2000, () => {});
    for (let port = 0; port < CONNECTIONS_MAX; port += 1) {
      guest.send({ op: Op.REQUEST, srcPort: port, dstPort: 2000 });
      expect((await guest.next()).header.op).toBe(Op.RESPONSE);
    }
    guest.send({ op: Op.REQUEST, srcPort: CONNECTIONS_MAX, dstPort: 2000 });
    expect((await guest.next()).header).toMatchObject({ op: Op.RST, dstPort: CONNECTIONS_MAX });
    await expect(device.connect(PORT, 10)).rejects.toMatchObject({ code: 'ERR_RESOURCE_EXHAUSTED' });
    guest.send({ op: Op.RST, srcPort: 0, dstPort: 2000 });
    guest.send({ op: Op.REQUEST, srcPort: CONNECTIONS_MAX, dstPort: 2000 });
    expect((await guest.next()).header.op).toBe(Op.RESPONSE);
  });
});

describe('half-close', () => {
  it('of the host: the guest gets every byte, then SHUTDOWN(SEND), and can still send', async () => {
    const fixture = await openFixture();
    const { stream, ports } = await connectFromHost(fixture);
    const blob = randomBytes(100_000);
    stream.end(blob);
    expect(await receiveBytes(fixture.guest, blob.length)).toEqual(blob);
    expect((await fixture.guest.next()).header).toMatchObject({ op: Op.SHUTDOWN, flags: Shutdown.SEND });
    fixture.guest.send({ op: Op.RW, ...ports }, Buffer.from('late answer'));
    fixture.guest.send({ op: Op.SHUTDOWN, flags: Shutdown.SEND, ...ports });
    expect((await readToEnd(stream)).toString()).toBe('late answer');
    // Both directions have ended: the host asks to forget the connection, the guest confirms.
    expect((await fixture.guest.next()).header).toMatchObject({ op: Op.SHUTDOWN, flags: Shutdown.BOTH });
    fixture.guest.send({ op: Op.RST, ...ports });
    await expect.poll(() => fixture.device.stats.connections).toBe(0);
  });

  it('of the guest: the host reads to the end, and can still send', async () => {
    const fixture = await openFixture();
    const { stream, ports } = await connectFromHost(fixture);
    fixture.guest.send({ op: Op.RW, ...ports }, Buffer.from('all'));
    fixture.guest.send({ op: Op.SHUTDOWN, flags: Shutdown.SEND, ...ports });
    expect((await readToEnd(stream)).toString()).toBe('all');
    stream.end('more');
    expect((await receiveBytes(fixture.guest, 4)).toString()).toBe('more');
    expect((await fixture.guest.next(Op.SHUTDOWN)).header.flags).toBe(Shutdown.SEND);
  });

  it('of the guest in two steps is one full close, answered by RST; the host still reads all', async () => {
    const fixture = await openFixture();
    const { stream, ports } = await connectFromHost(fixture);
    fixture.guest.send({ op: Op.RW, ...ports }, Buffer.from('all'));
    fixture.guest.send({ op: Op.SHUTDOWN, flags: Shutdown.RECEIVE, ...ports });
    fixture.guest.send({ op: Op.SHUTDOWN, flags: Shutdown.SEND, ...ports });
    expect((await fixture.guest.next()).header).toMatchObject({ op: Op.RST, dstPort: PORT });
    expect((await readToEnd(stream)).toString()).toBe('all');
    await closeOf(stream);
    expect(stream.errored).toBeNull();
  });

  it('of a guest that receives no more fails the write only after the reader has read all', async () => {
    const fixture = await openFixture();
    const { stream, ports } = await connectFromHost(fixture, 10);
    stream.pause();
    stream.write(Buffer.alloc(100));
    await receiveBytes(fixture.guest, 10);
    fixture.guest.send({ op: Op.RW, ...ports }, Buffer.from('last words'));
    fixture.guest.send({ op: Op.SHUTDOWN, flags: Shutdown.BOTH, ...ports });
    await fixture.guest.next(Op.RST);
    expect(stream.destroyed).toBe(false);
    const failed = once(stream, 'error');
    expect((await readToEnd(stream)).toString()).toBe('last words');
    expect((await failed)[0]).toMatchObject({ code: 'ERR_UNAVAILABLE', errno: 'EPIPE' });
  });
});

describe('RST', () => {
  it.each([Op.RW, Op.RESPONSE, Op.SHUTDOWN, Op.CREDIT_UPDATE, Op.CREDIT_REQUEST, Op.REQUEST, 99])(
    'answers operation %s for a connection that does not exist',
    async (op) => {
      const { guest } = await openFixture();
      guest.send({ op, srcPort: 7, dstPort: 8 });
      expect((await guest.next()).header).toMatchObject({ op: Op.RST, srcPort: 8, dstPort: 7 });
    },
  );

  it('answers an unknown type, and never an RST', async () => {
    const { guest, device } = await openFixture();
    guest.send({ op: Op.RST, srcPort: 1, dstPort: 2 });
    guest.send({ op: Op.RST, type: 2, srcPort: 1, dstPort: 2 });
    guest.send({ op: Op.REQUEST, type: 2, srcPort: 3, dstPort: 4 });
    expect((await guest.next()).header).toMatchObject({ op: Op.RST, type: 2, srcPort: 4, dstPort: 3 });
    expect(device.stats.resetsToGuest).toBe(1);
  });

  it('is not sent to a guest that names another context', async () => {
    const { guest, device } = await openFixture();
    guest.send({ op: Op.RW, srcCid: 4n });
    guest.send({ op: Op.RW, dstCid: 3n });
    guest.send({ op: Op.RW, srcPort: 5, dstPort: 6 });
    expect((await guest.next()).header.dstPort).toBe(5);
    expect(device.stats.resetsToGuest).toBe(1);
  });

  it('of the guest reaches the host after the last byte', async () => {
    const fixture = await openFixture();
    const { stream, ports } = await connectFromHost(fixture);
    fixture.guest.send({ op: Op.RW, ...ports }, Buffer.from('before'));
    fixture.guest.send({ op: Op.RST, ...ports });
    await expect.poll(() => fixture.device.stats.connections).toBe(0);
    const failed = once(stream, 'error');
    const [chunk] = await once(stream, 'data');
    expect(String(chunk)).toBe('before');
    expect((await failed)[0]).toMatchObject({ errno: 'ECONNRESET' });
  });

  it('right after the answer does not end the host program', async () => {
    const { device, guest } = await openFixture();
    const connecting = device.connect(PORT, 5000);
    const { header } = await guest.next(Op.REQUEST);
    const ports = { srcPort: PORT, dstPort: header.srcPort };
    guest.send({ op: Op.RESPONSE, ...ports });
    guest.send({ op: Op.RST, ...ports });
    const stream = await connecting;
    await closeOf(stream);
    expect(stream.errored).toMatchObject({ errno: 'ECONNRESET' });
  });

  it('is what the guest gets for bytes that nobody will read', async () => {
    const fixture = await openFixture();
    const { stream, ports } = await connectFromHost(fixture);
    fixture.guest.send({ op: Op.RW, ...ports }, Buffer.from('unread'));
    await expect.poll(() => fixture.device.stats.bytesFromGuest).toBe(6);
    stream.destroy();
    await fixture.guest.next(Op.RST);
  });

  it('is what the guest gets when the host gives up with bytes unsent', async () => {
    const fixture = await openFixture();
    const { stream } = await connectFromHost(fixture, 0);
    stream.write('never sent');
    await fixture.guest.next(Op.CREDIT_REQUEST);
    stream.destroy();
    await fixture.guest.next(Op.RST);
  });
});

describe('credit', () => {
  it('is asked for once and honoured to the byte when the host sends', async () => {
    const fixture = await openFixture();
    const { stream, ports } = await connectFromHost(fixture, 1000);
    const blob = randomBytes(2500);
    stream.write(blob);
    expect(await receiveBytes(fixture.guest, 1000)).toEqual(blob.subarray(0, 1000));
    expect((await fixture.guest.next()).header.op).toBe(Op.CREDIT_REQUEST);
    fixture.guest.send({ op: Op.CREDIT_UPDATE, ...ports, bufAlloc: 1000, fwdCnt: 0 });
    fixture.guest.send({ op: Op.CREDIT_UPDATE, ...ports, bufAlloc: 1000, fwdCnt: 400 });
    expect(await receiveBytes(fixture.guest, 400)).toEqual(blob.subarray(1000, 1400));
    fixture.guest.send({ op: Op.CREDIT_UPDATE, ...ports, bufAlloc: 4000, fwdCnt: 1400 });
    expect(await receiveBytes(fixture.guest, 1100)).toEqual(blob.subarray(1400));
  });

  it('is given back only as the reader takes the bytes, at the latest at half of the buffer', async () => {
    const fixture = await openFixture();
    const { stream, ports } = await connectFromHost(fixture);
    const half = CONNECTION_BUFFER_BYTES / 2;
    for (let sent = 0; sent < CONNECTION_BUFFER_BYTES; sent += 32_768) {
      fixture.guest.send({ op: Op.RW, ...ports }, Buffer.alloc(32_768));
    }
    fixture.guest.send({ op: Op.CREDIT_REQUEST, ...ports });
    expect((await fixture.guest.next()).header).toMatchObject({ op: Op.CREDIT_UPDATE, fwdCnt: 0 });
    await takeBytes(stream, half - 1);
    fixture.guest.send({ op: Op.CREDIT_REQUEST, ...ports });
    expect((await fixture.guest.next()).header).toMatchObject({ op: Op.CREDIT_UPDATE, fwdCnt: half - 1 });
    await takeBytes(stream, half);
    expect((await fixture.guest.next()).header).toMatchObject({ op: Op.CREDIT_UPDATE, fwdCnt: 2 * half - 1 });
  });

  it('exceeded by the guest resets the connection, and only that one', async () => {
    const fixture = await openFixture();
    const { stream, ports } = await connectFromHost(fixture);
    const other = await connectFromHost(fixture);
    stream.pause();
    for (let sent = 0; sent <= CONNECTION_BUFFER_BYTES; sent += 65_536) {
      fixture.guest.send({ op: Op.RW, ...ports }, Buffer.alloc(65_536));
    }
    expect((await fixture.guest.next()).header).toMatchObject({ op: Op.RST, srcPort: ports.dstPort });
    other.stream.write('still here');
    expect((await receiveBytes(fixture.guest, 10)).toString()).toBe('still here');
  });

  it('of a slow guest lets the host program write only what fits', async () => {
    const fixture = await openFixture();
    const { stream, ports } = await connectFromHost(fixture, 4096);
    let isWritten = false;
    stream.write(Buffer.alloc(8192), () => {
      isWritten = true;
    });
    await receiveBytes(fixture.guest, 4096);
    await fixture.guest.next(Op.CREDIT_REQUEST);
    expect(isWritten).toBe(false);
    fixture.guest.send({ op: Op.CREDIT_UPDATE, ...ports, bufAlloc: 4096, fwdCnt: 4096 });
    await receiveBytes(fixture.guest, 4096);
    await expect.poll(() => isWritten).toBe(true);
  });
});

describe('queues', () => {
  const shapes = [
    { name: 'plain', options: {} },
    { name: 'event index', options: { eventIndex: true } },
    { name: 'indirect descriptors', options: { indirect: true }, shape: { indirect: true } },
    { name: 'event index and indirect', options: { eventIndex: true, indirect: true }, shape: { indirect: true } },
    { name: 'one buffer per packet', options: { receiveShape: [65_536 + 44] }, shape: { split: [] } },
    { name: 'headers cut anywhere', options: { receiveShape: [10, 20, 30, 100] }, shape: { split: [1, 42, 3, 5] } },
  ];
  it.each(shapes)('carry an echo of 1 MiB: $name', async ({ options, shape }) => {
    const fixture = await openFixture(options);
    const { guest } = fixture;
    const { stream, ports } = await connectFromHost(fixture);
    const blob = randomBytes(1024 * 1024);
    const reading = readToEnd(stream);
    stream.end(blob);
    let forwarded = 0;
    while (forwarded < blob.length) {
      const { payload } = await guest.next(Op.RW);
      forwarded += payload.length;
      await guest.room();
      guest.send({ op: Op.RW, ...ports, fwdCnt: forwarded }, payload, shape);
    }
    guest.send({ op: Op.SHUTDOWN, flags: Shutdown.SEND, ...ports });
    const echoed = await reading;
    expect(echoed.equals(blob)).toBe(true);
  });

  it('fills a large receive buffer with one packet', async () => {
    const fixture = await openFixture({ receiveShape: [44, 30_000, 35_536] });
    const { stream } = await connectFromHost(fixture);
    stream.cork();
    for (let part = 0; part < 64; part += 1) stream.write(Buffer.alloc(1024, part));
    stream.uncork();
    expect((await fixture.guest.next(Op.RW)).payload.length).toBe(65_536);
  });

  it('of the guest are served while it has no receive buffers', async () => {
    const { device, guest } = await openFixture({ holdBuffers: true });
    device.listen(2000, () => {});
    for (let port = 1; port <= 200; port += 1) {
      await guest.room();
      guest.send({ op: Op.REQUEST, srcPort: port, dstPort: 2000 });
    }
    await expect.poll(() => device.stats.packetsFromGuest).toBe(200);
    expect(guest.packets).toEqual([]);
    guest.giveBuffers();
    await guest.until(() => guest.packets.length === 200);
    expect(new Set(guest.packets.map(({ header }) => header.op))).toEqual(new Set([Op.RESPONSE]));
  });

  it('give every connection its turn beside a busy one', async () => {
    const fixture = await openFixture({ receiveShape: [44, 4096] });
    const busy = await connectFromHost(fixture);
    const quiet = await connectFromHost(fixture);
    busy.stream.write(Buffer.alloc(2 * 1024 * 1024));
    quiet.stream.write('me too');
    let before = 0;
    for (;;) {
      const { header, payload } = await fixture.guest.next(Op.RW);
      if (header.srcPort === quiet.ports.dstPort) break;
      before += payload.length;
    }
    expect(before).toBeLessThan(256 * 1024);
  });

  it('go on where they stood after QEMU stopped and started them, with their connections', async () => {
    const fixture = await openFixture();
    const { stream, ports } = await connectFromHost(fixture);
    const bases = await fixture.guest.stopQueues();
    expect(bases).toEqual([1, 1]);
    stream.write('while stopped');
    await fixture.guest.startQueues();
    expect((await receiveBytes(fixture.guest, 13)).toString()).toBe('while stopped');
    fixture.guest.send({ op: Op.RW, ...ports }, Buffer.from('back'));
    expect(String((await once(stream, 'data'))[0])).toBe('back');
  });

  it('that start from zero again end the connections of the driver before', async () => {
    const fixture = await openFixture();
    const { stream } = await connectFromHost(fixture);
    const closed = closeOf(stream);
    await fixture.guest.stopQueues();
    fixture.guest.resetDriver();
    await fixture.guest.startQueues();
    await closed;
    expect(stream.errored).toMatchObject({ errno: 'ECONNRESET' });
    await connectFromHost(fixture);
  });
});

describe('QEMU', () => {
  it('that goes away ends the connections; the next one is served', async () => {
    const fixture = await openFixture();
    const { stream } = await connectFromHost(fixture);
    const closed = closeOf(stream);
    await fixture.guest.command(Request.SET_OWNER);
    fixture.guest.tellBytes(Buffer.from('not a message of vhost-user'));
    await closed;
    await fixture.guest.until(() => fixture.guest.isDisconnected);
    expect(fixture.lines.join()).toContain('vhost-user: a body of');
    const second = await FakeGuest.start(fixture.socketPath);
    afterTest(() => second.close());
    await connectFromHost({ ...fixture, guest: second });
  });

  it('is served one at a time', async () => {
    const fixture = await openFixture();
    const second = await FakeGuest.attach(fixture.socketPath);
    afterTest(() => second.close());
    await second.until(() => second.isDisconnected);
    expect(fixture.lines).toEqual(['vsock: a second QEMU was refused']);
    await connectFromHost(fixture);
  });

  it('leaves no descriptor behind', async () => {
    const fixture = await openDevice();
    const before = openDescriptors();
    for (let round = 0; round < 5; round += 1) {
      const guest = await FakeGuest.start(fixture.socketPath);
      await connectFromHost({ ...fixture, guest });
      await guest.shareMemory();
      await guest.close();
      await expect.poll(() => fixture.device.stats.connections).toBe(0);
    }
    await expect.poll(openDescriptors).toBe(before);
  });
});

describe('a listener that throws', () => {
  it("is its own affair: the error is not taken for the guest's, and the guest is served", async () => {
    const fixture = await openFixture();
    const { stream, ports } = await connectFromHost(fixture);
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.once('uncaughtException', resolve);
    afterTest(() => {
      for (const other of others) process.on('uncaughtException', other);
    });
    stream.once('data', () => {
      throw new KataError('ERR_PROTOCOL', 'of the owner');
    });
    fixture.guest.send({ op: Op.RW, ...ports }, Buffer.from('one'));
    fixture.guest.send({ op: Op.RW, ...ports }, Buffer.from('two'));
    fixture.guest.send({ op: Op.CREDIT_REQUEST, ...ports });
    expect(await promise).toMatchObject({ message: 'of the owner' });
    await fixture.guest.next(Op.CREDIT_UPDATE);
    expect(fixture.device.stats.bytesFromGuest).toBe(6);
    expect(fixture.lines).toEqual([]);
  });
});

describe('VsockDevice.close()', () => {
  it('ends connections without an error and removes its sockets', async () => {
    const fixture = await openFixture();
    const { stream } = await connectFromHost(fixture);
    stream.resume();
    const closed = closeOf(stream);
    await fixture.device.close();
    await closed;
    expect(stream.errored).toBeNull();
    expect([fixture.socketPath, fixture.hybridPath].filter(existsSync)).toEqual([]);
  });
});
