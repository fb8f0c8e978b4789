/**
 * The vsock device with the Linux driver at its other side. The method is Firecracker's: many connections at a time in
 * both directions, random blobs echoed, hashes compared; then the same with connections cut while bytes are on their
 * way, after which everything must still work.
 *
 * `KATA_VSOCK_BLOB_MIB` sets the size of a blob (default 1, so that an emulated guest needs half a minute; the full size
 * is 20).
 */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createConnection, createServer, type Server } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { isEchoed } from './guest/blob.ts';
import { GuestPort, type PeerOrder, type PeerResult } from './guest/vsock-ports.ts';
import { startVsockMachine, type VsockMachine } from './support/vsock-machine.ts';

const MIB = 1024 * 1024;
const BLOB_BYTES = Number(process.env['KATA_VSOCK_BLOB_MIB'] ?? '1') * MIB;
const CONNECTIONS = 50;
const CONNECT_TIMEOUT_MS = 30_000;
/** Port of the host that the peer connects to. */
const HOST_PORT = 7001;

const blob = randomBytes(BLOB_BYTES);

/** Reads a stream to its end, leaving its other direction open. */
async function readToEnd(stream: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.resume();
  await once(stream, 'end');
  return Buffer.concat(chunks);
}

async function eachOf<T>(count: number, action: (index: number) => Promise<T>): Promise<T[]> {
  return await Promise.all(Array.from({ length: count }, (_, index) => action(index)));
}

describe('a Linux guest', () => {
  let machine: VsockMachine;
  let echoServer: Server | undefined;

  beforeAll(async () => {
    machine = await startVsockMachine();
  });
  afterAll(() => machine.stop());
  afterEach(() => {
    echoServer?.close();
    echoServer = undefined;
  });

  const connect = (port: number): Promise<Duplex> => machine.device.connect(port, CONNECT_TIMEOUT_MS);

  /** Connects through the hybrid socket. */
  const dialHybrid = async (port: number): Promise<Duplex> => {
    const socket = createConnection({ path: machine.hybridPath, allowHalfOpen: true });
    socket.write(`CONNECT ${port}\n`);
    const [line] = await once(socket, 'data');
    socket.pause();
    expect(String(line)).toMatch(/^OK \d+\n$/);
    return socket;
  };

  /** A program on the host that echoes what the guest's connections bring. */
  const listenForGuest = async (): Promise<void> => {
    echoServer = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => {});
      socket.pipe(socket);
    });
    echoServer.listen(`${machine.hybridPath}_${HOST_PORT}`);
    await once(echoServer, 'listening');
  };

  const order = async (what: PeerOrder): Promise<PeerResult> => {
    const stream = await connect(GuestPort.ORDERS);
    stream.end(JSON.stringify(what));
    // Reason for the cast: the peer writes exactly this.
    return JSON.parse((await readToEnd(stream)).toString()) as PeerResult;
  };

  const echo = (stream: Duplex, index = 0): Promise<boolean> => isEchoed(stream, blob, index);

  /** Every connection is forgotten, on both sides' word. */
  const expectNothingLeft = async (): Promise<void> => {
    await expect.poll(() => machine.device.stats.connections, { timeout: 20_000 }).toBe(0);
    expect(machine.lines).toEqual([]);
  };

  it(`echoes ${CONNECTIONS} connections of the host at a time`, async () => {
    const outcomes = await eachOf(CONNECTIONS, async (index) => echo(await connect(GuestPort.ECHO), index));
    expect(outcomes.every(Boolean)).toBe(true);
    await expectNothingLeft();
  });

  it(`echoes ${CONNECTIONS} connections through the hybrid socket at a time`, async () => {
    const outcomes = await eachOf(CONNECTIONS, async (index) => echo(await dialHybrid(GuestPort.ECHO), index));
    expect(outcomes.every(Boolean)).toBe(true);
    await expectNothingLeft();
  });

  it(`gets ${CONNECTIONS} connections at a time echoed by a program on the host`, async () => {
    await listenForGuest();
    const result = await order({ port: HOST_PORT, count: CONNECTIONS, bytes: BLOB_BYTES });
    expect(result).toEqual({ same: CONNECTIONS, errors: [] });
    await expectNothingLeft();
  });

  it('gets its connections echoed by a listener in the process', async () => {
    const listener = machine.device.listen(HOST_PORT + 1, (stream) => stream.pipe(stream));
    const result = await order({ port: HOST_PORT + 1, count: 5, bytes: MIB });
    listener.close();
    expect(result).toEqual({ same: 5, errors: [] });
    const refused = await order({ port: HOST_PORT + 1, count: 1, bytes: 1 });
    expect(refused).toEqual({ same: 0, errors: [expect.stringContaining('ECONNRESET')] });
  });

  it('answers after the host has ended its direction, and is read to the last byte', async () => {
    const digest = await connect(GuestPort.DIGEST);
    digest.end(blob);
    expect((await readToEnd(digest)).toString()).toBe(createHash('sha256').update(blob).digest('hex'));
    const source = await connect(GuestPort.SOURCE);
    source.end(String(16 * MIB + 1));
    expect((await readToEnd(source)).length).toBe(16 * MIB + 1);
    await expectNothingLeft();
  });

  it('is not read ahead of a slow reader', async () => {
    const source = await connect(GuestPort.SOURCE);
    source.end(String(8 * MIB));
    const before = machine.device.stats.bytesFromGuest;
    // A second connection that goes through shows that the guest had its time.
    expect(await echo(await connect(GuestPort.ECHO))).toBe(true);
    const ahead = machine.device.stats.bytesFromGuest - before - BLOB_BYTES;
    expect(ahead).toBeLessThanOrEqual(256 * 1024);
    expect((await readToEnd(source)).length).toBe(8 * MIB);
    await expectNothingLeft();
  });

  it('that does not read stops the host, and nobody else', async () => {
    const deaf = await connect(GuestPort.DEAF);
    let isWritten = false;
    deaf.write(Buffer.alloc(4 * MIB), () => {
      isWritten = true;
    });
    expect(await echo(await connect(GuestPort.ECHO))).toBe(true);
    expect(isWritten).toBe(false);
    deaf.destroy();
    await expectNothingLeft();
  });

  it('refuses a port on which nobody listens', async () => {
    await expect(connect(9)).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE', errno: 'ECONNREFUSED' });
  });

  it('goes on after connections were cut while bytes were on their way, by either side', async () => {
    await eachOf(CONNECTIONS, async (index) => {
      const stream = index % 2 === 0 ? await connect(GuestPort.ECHO) : await dialHybrid(GuestPort.ECHO);
      stream.on('error', () => {});
      stream.write(blob);
      stream.resume();
      await once(stream, 'data');
      stream.destroy();
    });
    await listenForGuest();
    const cut = { port: HOST_PORT, count: CONNECTIONS, bytes: 256 * 1024, cutAfterBytes: 200 * 1024 };
    expect(await order(cut)).toEqual({ same: CONNECTIONS, errors: [] });
    expect(await echo(await connect(GuestPort.ECHO))).toBe(true);
    expect(await order({ port: HOST_PORT, count: 2, bytes: MIB })).toEqual({ same: 2, errors: [] });
    await expectNothingLeft();
  });
});
