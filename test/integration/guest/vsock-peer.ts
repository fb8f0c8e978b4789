/**
 * The guest's side of the vsock tests: bundled, carried in by an extra archive after the initrd, and run by Node of the
 * guest's root. It listens on a few ports, and makes connections when told so. See ../vsock-machine.ts.
 */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { listenOn } from '../../../src/linux/handle.ts';
import { VMADDR_CID_ANY, vsockConnect, vsockListen } from '../../../src/linux/vsock.ts';
import { digestToEnd, isEchoed } from './blob.ts';
import { GuestPort, type PeerOrder, type PeerResult } from './vsock-ports.ts';

const HOST_CID = 2;
const BACKLOG = 128;
const CONNECT_TIMEOUT_MS = 20_000;
/** What the source writes at a time (bytes). */
const SOURCE_CHUNK_BYTES = 256 * 1024;

function listen(port: number, onConnection: (socket: Socket) => void): void {
  listenOn(vsockListen(VMADDR_CID_ANY, port), BACKLOG, (socket) => {
    // Each side ends on its own; a reset by the host is part of the tests.
    socket.allowHalfOpen = true;
    socket.on('error', () => {});
    onConnection(socket);
  });
}

async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await new Promise<void>((resolve, reject) => {
    socket.once('end', resolve);
    socket.once('close', () => reject(new Error('closed before the end')));
  });
  return Buffer.concat(chunks);
}

/** Answers a connection; one that was cut has nobody to be answered. */
function serve(answer: (socket: Socket) => Promise<void>): (socket: Socket) => void {
  return (socket) => void answer(socket).catch((error: unknown) => console.log(`vsock peer: ${String(error)}`));
}

/** One connection to the host: sends bytes, ends, and compares what comes back. */
async function dial(order: PeerOrder, blob: Buffer, index: number): Promise<boolean> {
  const socket = await vsockConnect(HOST_CID, order.port, CONNECT_TIMEOUT_MS);
  socket.allowHalfOpen = true;
  socket.on('error', () => {});
  if (order.cutAfterBytes === undefined) {
    const isSame = await isEchoed(socket, blob, index);
    socket.destroy();
    return isSame;
  }
  socket.write(blob.subarray(0, order.cutAfterBytes));
  await new Promise((resolve) => socket.once('data', resolve));
  socket.destroy();
  return true;
}

async function carryOut(order: PeerOrder): Promise<PeerResult> {
  const blob = randomBytes(order.bytes);
  const dials = Array.from({ length: order.count }, (_, index) => dial(order, blob, index));
  const outcomes = await Promise.allSettled(dials);
  const same = outcomes.filter((outcome) => outcome.status === 'fulfilled' && outcome.value).length;
  const errors = outcomes.filter((outcome) => outcome.status === 'rejected').map((outcome) => String(outcome.reason));
  return { same, errors };
}

listen(GuestPort.ECHO, (socket) => socket.pipe(socket));
listen(
  GuestPort.DIGEST,
  serve(async (socket) => {
    socket.end(await digestToEnd(socket));
  }),
);
listen(
  GuestPort.SOURCE,
  serve(async (socket) => {
    let left = Number((await readAll(socket)).toString());
    const chunk = Buffer.alloc(SOURCE_CHUNK_BYTES, 'vsock source ');
    while (left > 0) {
      const piece = chunk.subarray(0, left);
      left -= piece.length;
      if (!socket.write(piece)) await new Promise((resolve) => socket.once('drain', resolve));
    }
    socket.end();
  }),
);
// Never reads: what is sent here piles up until the host has no credit.
listen(GuestPort.DEAF, (socket) => socket.pause());
listen(
  GuestPort.ORDERS,
  serve(async (socket) => {
    // Reason for the cast: the test on the other side writes exactly this.
    const order = JSON.parse((await readAll(socket)).toString()) as PeerOrder;
    socket.end(JSON.stringify(await carryOut(order)));
  }),
);
console.log('vsock peer: ready');
