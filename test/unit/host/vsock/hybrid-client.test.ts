import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { HybridClient } from '../../../../src/host/vsock/hybrid-client.ts';
import { Op, Shutdown } from '../../../../src/wire/vsock/packet.ts';
import { afterTest, type Fixture, openFixture, PORT, readToEnd, receiveBytes } from './fixture.ts';

const LIMIT_MS = 5_000;

/** A connection that the guest has accepted. */
async function connect({ guest, hybridPath }: Fixture) {
  const connecting = new HybridClient(hybridPath).connect(PORT, LIMIT_MS);
  const { header } = await guest.next(Op.REQUEST);
  const ports = { srcPort: PORT, dstPort: header.srcPort };
  guest.send({ op: Op.RESPONSE, ...ports });
  guest.send({ op: Op.RW, ...ports }, Buffer.from('first'));
  const stream = await connecting;
  afterTest(() => void stream.destroy());
  return { stream, ports };
}

describe('HybridClient', () => {
  it('knows its port, loses nothing that comes at once, and carries half-closes', async () => {
    const fixture = await openFixture();
    const { stream, ports } = await connect(fixture);
    expect(stream.localPort).toBe(ports.dstPort);
    stream.end('question');
    expect((await receiveBytes(fixture.guest, 8)).toString()).toBe('question');
    expect((await fixture.guest.next(Op.SHUTDOWN)).header.flags).toBe(Shutdown.SEND);
    fixture.guest.send({ op: Op.RW, ...ports }, Buffer.from(' answer'));
    fixture.guest.send({ op: Op.SHUTDOWN, flags: Shutdown.SEND, ...ports });
    expect((await readToEnd(stream)).toString()).toBe('first answer');
  });

  it('can be read by events, by pipes and by loops', async () => {
    const fixture = await openFixture();
    const { stream, ports } = await connect(fixture);
    expect(String((await once(stream, 'data'))[0])).toBe('first');
    stream.pause();
    fixture.guest.send({ op: Op.SHUTDOWN, flags: Shutdown.SEND, ...ports });
    for await (const chunk of stream) expect(chunk).toBe('nothing more');
  });

  it('tells of a refusal as the device does', async () => {
    const { guest, hybridPath } = await openFixture();
    const connecting = new HybridClient(hybridPath).connect(77, LIMIT_MS);
    const { header } = await guest.next(Op.REQUEST);
    guest.send({ op: Op.RST, srcPort: 77, dstPort: header.srcPort });
    await expect(connecting).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE', errno: 'ECONNREFUSED' });
  });

  it('gives up after its time', async () => {
    const { hybridPath } = await openFixture();
    const connecting = new HybridClient(hybridPath).connect(77, 20);
    await expect(connecting).rejects.toMatchObject({ code: 'ERR_DEADLINE' });
  });

  it('fails at once where there is no socket', async () => {
    const connecting = new HybridClient(join('/', 'nowhere', 'hv.sock')).connect(77, LIMIT_MS);
    await expect(connecting).rejects.toMatchObject({ code: 'ERR_SYSCALL', errno: 'ENOENT' });
  });
});
