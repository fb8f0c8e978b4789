import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { Op, Shutdown } from '../../../../src/wire/vsock/packet.ts';
import { afterTest, closeOf, type Fixture, openFixture, PORT, readToEnd, receiveBytes, turns } from './fixture.ts';

async function dial(path: string): Promise<Socket> {
  const socket = createConnection({ path, allowHalfOpen: true });
  socket.on('error', () => {});
  await once(socket, 'connect');
  afterTest(() => void socket.destroy());
  return socket;
}

/** A client that the guest has accepted. */
async function openClient({ guest, hybridPath }: Fixture, line = `CONNECT ${PORT}\n`) {
  const client = await dial(hybridPath);
  client.write(line);
  const { header } = await guest.next(Op.REQUEST);
  const ports = { srcPort: header.dstPort, dstPort: header.srcPort };
  guest.send({ op: Op.RESPONSE, ...ports });
  const [answer] = await once(client, 'data');
  return { client, ports, answer: String(answer) };
}

describe('the hybrid socket', () => {
  it.each([`CONNECT ${PORT}\n`, `connect ${PORT}\n`, `Connect ${PORT}\r\n`])('connects for %j', async (line) => {
    const fixture = await openFixture();
    const { answer, ports } = await openClient(fixture, line);
    expect(ports.srcPort).toBe(PORT);
    expect(answer).toBe(`OK ${ports.dstPort}\n`);
  });

  it('answers only after the guest has accepted, and ends where it refuses', async () => {
    const { guest, hybridPath } = await openFixture();
    const client = await dial(hybridPath);
    const read = readToEnd(client);
    client.write('CONNECT 77\n');
    const { header } = await guest.next(Op.REQUEST);
    guest.send({ op: Op.RST, srcPort: 77, dstPort: header.srcPort });
    expect(await read).toEqual(Buffer.alloc(0));
  });

  it('with patience asks a guest that refuses again, until it accepts', async () => {
    const { guest, hybridPath } = await openFixture({}, 60_000);
    const client = await dial(hybridPath);
    client.write(`CONNECT ${PORT}\n`);
    for (let refusals = 0; refusals < 3; refusals += 1) {
      const { header } = await guest.next(Op.REQUEST);
      guest.send({ op: Op.RST, srcPort: PORT, dstPort: header.srcPort });
    }
    const { header } = await guest.next(Op.REQUEST);
    guest.send({ op: Op.RESPONSE, srcPort: PORT, dstPort: header.srcPort });
    expect(String((await once(client, 'data'))[0])).toBe(`OK ${header.srcPort}\n`);
  });

  it('with patience asks again where the guest has lost the request, and no more once the client has gone', async () => {
    const { guest, hybridPath, device } = await openFixture({}, 60_000);
    const client = await dial(hybridPath);
    client.write(`CONNECT ${PORT}\n`);
    const first = await guest.next(Op.REQUEST);
    const second = await guest.next(Op.REQUEST);
    expect(second.header.srcPort).not.toBe(first.header.srcPort);
    client.destroy();
    await expect.poll(() => device.stats.connections, { timeout: 10_000 }).toBe(0);
  });

  it('has patience for its time only', async () => {
    const { guest, hybridPath } = await openFixture({}, 1);
    const client = await dial(hybridPath);
    const read = readToEnd(client);
    client.write(`CONNECT ${PORT}\n`);
    const refuse = async (): Promise<never> => {
      for (;;) {
        const { header } = await guest.next(Op.REQUEST);
        guest.send({ op: Op.RST, srcPort: PORT, dstPort: header.srcPort });
      }
    };
    refuse().catch(() => {});
    expect(await read).toEqual(Buffer.alloc(0));
  });

  it.each(['CONNECT x\n', 'HELLO\n', 'x'.repeat(100)])('ends for %j', async (line) => {
    const { hybridPath, device } = await openFixture();
    const client = await dial(hybridPath);
    const closed = closeOf(client);
    client.end(line);
    client.resume();
    await closed;
    expect(device.stats.connections).toBe(0);
  });

  it('gives bytes behind the request to the guest, and a request in pieces is one', async () => {
    const fixture = await openFixture();
    const client = await dial(fixture.hybridPath);
    client.write('CONN');
    await turns();
    client.write(`ECT ${PORT}\nearly bytes`);
    const { header } = await fixture.guest.next(Op.REQUEST);
    fixture.guest.send({ op: Op.RESPONSE, srcPort: PORT, dstPort: header.srcPort });
    expect((await receiveBytes(fixture.guest, 11)).toString()).toBe('early bytes');
  });

  it('carries half-closes both ways', async () => {
    const fixture = await openFixture();
    const { client, ports } = await openClient(fixture);
    client.end('question');
    expect((await receiveBytes(fixture.guest, 8)).toString()).toBe('question');
    expect((await fixture.guest.next(Op.SHUTDOWN)).header.flags).toBe(Shutdown.SEND);
    fixture.guest.send({ op: Op.RW, ...ports }, Buffer.from('answer'));
    fixture.guest.send({ op: Op.SHUTDOWN, flags: Shutdown.SEND, ...ports });
    expect((await readToEnd(client)).toString()).toBe('answer');
  });

  it('gives the client everything when the guest closes at once', async () => {
    const fixture = await openFixture();
    const { client, ports } = await openClient(fixture);
    client.pause();
    // More than the kernel's buffer and the client's own take: the rest is in the host's socket when the guest closes.
    const blob = Buffer.alloc(340_000, 'last words ');
    const send = (from: number, to: number): void =>
      fixture.guest.send({ op: Op.RW, ...ports }, blob.subarray(from, to));
    for (let at = 0; at < 250_000; at += 50_000) send(at, at + 50_000);
    await fixture.guest.next(Op.CREDIT_UPDATE);
    for (let at = 250_000; at < blob.length; at += 45_000) send(at, at + 45_000);
    fixture.guest.send({ op: Op.SHUTDOWN, flags: Shutdown.BOTH, ...ports });
    await fixture.guest.next(Op.RST);
    expect((await readToEnd(client)).equals(blob)).toBe(true);
    client.end();
    await closeOf(client);
  });

  it('closes the connection of the guest when the client has gone', async () => {
    const fixture = await openFixture();
    const { client, ports } = await openClient(fixture);
    client.destroy();
    expect((await fixture.guest.next()).header).toMatchObject({ op: Op.SHUTDOWN, flags: Shutdown.SEND });
    // A client that only ended its own direction would read this; one that has gone cannot.
    fixture.guest.send({ op: Op.RW, ...ports }, Buffer.from('anyone?'));
    expect((await fixture.guest.next()).header).toMatchObject({ op: Op.SHUTDOWN, flags: Shutdown.BOTH });
    fixture.guest.send({ op: Op.RST, ...ports });
    await expect.poll(() => fixture.device.stats.connections).toBe(0);
  });

  it('stops the guest by credit when the client does not read', async () => {
    const fixture = await openFixture();
    const { client, ports } = await openClient(fixture);
    client.pause();
    let sent = 0;
    // Sends as long as there is credit; the host's buffers are bounded, so that ends.
    let fwdCnt = 0;
    let bufAlloc = 256 * 1024;
    for (;;) {
      await fixture.guest.room();
      if (sent - fwdCnt + 16_384 > bufAlloc) {
        fixture.guest.packets.length = 0;
        fixture.guest.send({ op: Op.CREDIT_REQUEST, ...ports });
        const { header } = await fixture.guest.next(Op.CREDIT_UPDATE);
        const before = fwdCnt;
        ({ fwdCnt, bufAlloc } = header);
        if (fwdCnt === before) break;
      } else {
        fixture.guest.send({ op: Op.RW, ...ports }, Buffer.alloc(16_384));
        sent += 16_384;
      }
    }
    expect(sent).toBeLessThan(2 * 1024 * 1024);
    const reading = readToEnd(client);
    fixture.guest.send({ op: Op.SHUTDOWN, flags: Shutdown.BOTH, ...ports });
    expect((await reading).length).toBe(sent);
  });
});

describe('connections of the guest', () => {
  it('reach the program that listens at <path>_<port>', async () => {
    const fixture = await openFixture();
    const { guest, hybridPath } = fixture;
    const server = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)).listen(`${hybridPath}_52`);
    afterTest(() => void server.close());
    await once(server, 'listening');
    const ports = { srcPort: 1, dstPort: 52 };
    guest.send({ op: Op.REQUEST, ...ports });
    expect((await guest.next()).header).toMatchObject({ op: Op.RESPONSE, srcPort: 52, dstPort: 1 });
    guest.send({ op: Op.RW, ...ports }, Buffer.from('echo'));
    expect((await receiveBytes(guest, 4)).toString()).toBe('echo');
    guest.send({ op: Op.SHUTDOWN, flags: Shutdown.SEND, ...ports });
    expect((await guest.next(Op.SHUTDOWN)).header.flags).toBe(Shutdown.SEND);
    expect((await guest.next(Op.SHUTDOWN)).header.flags).toBe(Shutdown.BOTH);
    guest.send({ op: Op.RST, ...ports });
    await expect.poll(() => fixture.device.stats.connections).toBe(0);
  });

  it('are refused where nobody listens, without waiting', async () => {
    const { guest } = await openFixture();
    // The time-out of the offer would refuse it too; here it never comes.
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    afterTest(() => void vi.useRealTimers());
    guest.send({ op: Op.REQUEST, srcPort: 1, dstPort: 53 });
    expect((await guest.next()).header).toMatchObject({ op: Op.RST, srcPort: 53, dstPort: 1 });
  });
});
