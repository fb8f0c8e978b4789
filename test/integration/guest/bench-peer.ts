/**
 * The guest's side of the benches of processes and streams: bundled, put into a container's volume, and run by the
 * guest's own Node beside the agent. See bench/support/bench-guest.ts.
 */
import { closeSync, constants } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { check } from '../../../src/linux/errno.ts';
import { libc } from '../../../src/linux/ffi.ts';
import { listenOn } from '../../../src/linux/handle.ts';
import { watchReadable } from '../../../src/linux/readiness.ts';
import { posixSpawn } from '../../../src/linux/spawn.ts';
import { VMADDR_CID_ANY, vsockAccept, vsockListen, vsockTakeConnections } from '../../../src/linux/vsock.ts';
import { BenchPort, streamProgram } from './bench-ports.ts';
import { answerRun, nothing, PATH } from './run-once.ts';

const native = libc({
  // SAFETY: F_SETFL takes an int; variadic, passed as if declared on x86-64 and arm64.
  fcntl: { arguments: ['int32', 'int32', 'int32'], return: 'int32' },
});

// fcntl.h
const F_SETFL = 4;
const BACKLOG = 128;
/** What the source writes at a time (bytes). */
const SOURCE_CHUNK_BYTES = 256 * 1024;

function listen(port: number, onConnection: (socket: Socket) => void): void {
  listenOn(vsockListen(VMADDR_CID_ANY, port), BACKLOG, (socket) => {
    socket.allowHalfOpen = true;
    socket.on('error', () => socket.destroy());
    onConnection(socket);
  });
}

// A line is an array of arguments in JSON, the program's path first; the answer is a line with its time.
listen(BenchPort.RUN, (socket) => {
  createInterface(socket).on('line', (line) => void answerRun(line).then((answer) => socket.write(answer)));
});

// Sends as many bytes as the first line says, then ends.
listen(BenchPort.SOURCE, (socket) => {
  createInterface(socket).once('line', (line) => void send(socket, Number(line)));
});

async function send(socket: Socket, bytes: number): Promise<void> {
  const chunk = Buffer.alloc(SOURCE_CHUNK_BYTES);
  for (let left = bytes; left > 0; left -= chunk.length) {
    if (!socket.write(chunk.subarray(0, left))) await new Promise((resolve) => socket.once('drain', resolve));
  }
  socket.end();
}

// Reads to the end, and then says how much it was.
listen(BenchPort.SINK, (socket) => {
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  socket.on('end', () => socket.end(`${bytes}\n`));
});

// Joins each connection with a TCP port of the guest's own, for servers that know no vsock.
listen(BenchPort.TCP, (socket) => {
  const server = createConnection({ host: '127.0.0.1', port: BenchPort.TCP, allowHalfOpen: true, noDelay: true });
  server.on('error', () => socket.destroy());
  socket.on('close', () => server.destroy());
  server.on('close', () => socket.destroy());
  socket.pipe(server).pipe(socket);
});
/** Gives each connection to a program, and has no part in what goes over it. */
function listenWithProgram(port: number, script: string): void {
  const listening = vsockListen(VMADDR_CID_ANY, port);
  vsockTakeConnections(listening, BACKLOG);
  watchReadable(listening, () => {
    const accepted = vsockAccept(listening);
    if (accepted === undefined) return;
    const { fd } = accepted;
    check('fcntl F_SETFL', native.fcntl(fd, F_SETFL, constants.O_RDWR));
    // Nobody asks for its status.
    posixSpawn({ path: '/bin/sh', argv: ['sh', '-c', script], env: [PATH], stdio: [fd, fd, nothing] });
    closeSync(fd);
  });
}
listenWithProgram(BenchPort.PROGRAM_OUT, streamProgram('out', false));
listenWithProgram(BenchPort.PROGRAM_IN, streamProgram('in', false));
listenWithProgram(BenchPort.PUMP_OUT, streamProgram('out', true));
listenWithProgram(BenchPort.PUMP_IN, streamProgram('in', true));

console.log('bench peer: ready');
