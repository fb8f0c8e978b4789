/**
 * How fast the vsock device is: the delay of one byte, there and back, and bytes per second in each direction. Every
 * figure is taken in turn through a stream in this process and through the hybrid socket, which adds a Unix socket; the
 * peer is a program of the guest.
 *
 * usage: npm run bench -- vsock [ROUNDS]
 */
import { once } from 'node:events';
import { createConnection } from 'node:net';
import type { Duplex } from 'node:stream';
import { findImage } from '../src/host/image.ts';
import { GuestPort } from '../test/integration/guest/vsock-ports.ts';
import { startVsockMachine, type VsockMachine } from '../test/integration/support/vsock-machine.ts';
import { describeMachine, markdownTable, writeSection } from './support/document.ts';

const DEFAULT_ROUNDS = 5;
const ECHOES = 300;
const STREAM_BYTES = 64 * 1024 * 1024;
const CONNECT_TIMEOUT_MS = 10_000;

type Connect = (port: number) => Promise<Duplex>;

/** Milliseconds for one byte to the guest and back, as the mean of many in a row. */
async function echoDelay(connect: Connect): Promise<number> {
  const stream = await connect(GuestPort.ECHO);
  const start = performance.now();
  for (let count = 0; count < ECHOES; count += 1) {
    stream.write('x');
    await once(stream, 'data');
  }
  const delay = (performance.now() - start) / ECHOES;
  stream.destroy();
  return delay;
}

/** Waits until `stream` has ended. @returns MB per second for `STREAM_BYTES` since `start`. */
async function rateToEnd(stream: Duplex, start: number): Promise<number> {
  stream.resume();
  await once(stream, 'end');
  const rate = STREAM_BYTES / 1000 / (performance.now() - start);
  stream.destroy();
  return rate;
}

/** Into the guest, which hashes what it gets. */
async function rateIn(connect: Connect): Promise<number> {
  const stream = await connect(GuestPort.DIGEST);
  const start = performance.now();
  stream.end(Buffer.alloc(STREAM_BYTES, 7));
  return await rateToEnd(stream, start);
}

/** Out of the guest. */
async function rateOut(connect: Connect): Promise<number> {
  const stream = await connect(GuestPort.SOURCE);
  const start = performance.now();
  stream.end(String(STREAM_BYTES));
  return await rateToEnd(stream, start);
}

const MEASURES = [
  { name: 'one byte and back (ms)', measure: echoDelay, isDelay: true },
  { name: 'into the guest, hashed there (MB/s)', measure: rateIn, isDelay: false },
  { name: 'out of the guest (MB/s)', measure: rateOut, isDelay: false },
] as const;

async function dialHybrid({ hybridPath }: VsockMachine, port: number): Promise<Duplex> {
  const socket = createConnection({ path: hybridPath, allowHalfOpen: true });
  socket.write(`CONNECT ${port}\n`);
  await once(socket, 'data');
  return socket;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

async function rowsOf(machine: VsockMachine, rounds: number): Promise<string[][]> {
  const direct: Connect = (port) => machine.device.connect(port, CONNECT_TIMEOUT_MS);
  const hybrid: Connect = (port) => dialHybrid(machine, port);
  const rows: string[][] = [];
  for (const { name, measure, isDelay } of MEASURES) {
    const figures: { direct: number[]; hybrid: number[] } = { direct: [], hybrid: [] };
    for (let round = 0; round < rounds; round += 1) {
      figures.direct.push(await measure(direct));
      figures.hybrid.push(await measure(hybrid));
    }
    const [one, other] = [median(figures.direct), median(figures.hybrid)];
    const digits = isDelay ? 2 : 0;
    rows.push([name, one.toFixed(digits), other.toFixed(digits), (other / one).toFixed(2)]);
  }
  return rows;
}

async function main(rounds: number): Promise<void> {
  const { kernelVersion } = findImage();
  const machine = await startVsockMachine();
  const rows = await rowsOf(machine, rounds).finally(() => machine.stop());
  const section = `## vsock

The device in the harness's process, its peer a Node program in the guest; median of ${rounds} rounds, the two ways in turn.

- machine: ${describeMachine()}
- TCG, guest kernel ${kernelVersion}, one vCPU
- date: ${new Date().toISOString().slice(0, 10)}

${markdownTable(['figure', 'in process', 'hybrid socket', 'ratio'], rows)}
`;
  process.stdout.write(section);
  writeSection('vsock', section);
}

const [rounds = String(DEFAULT_ROUNDS)] = process.argv.slice(2);
if (!/^[1-9]\d*$/.test(rounds)) {
  process.stderr.write(`usage: npm run bench -- vsock [ROUNDS], not ${JSON.stringify(rounds)}\n`);
  process.exitCode = 2;
} else {
  await main(Number(rounds));
}
