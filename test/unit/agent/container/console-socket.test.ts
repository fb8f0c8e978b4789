import { once } from 'node:events';
import { closeSync, constants, existsSync, fstatSync, mkdirSync, openSync, readdirSync } from 'node:fs';
import { createConnection } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConsoleSocket } from '../../../../src/agent/container/console-socket.ts';
import { BASE } from '../../../../src/agent/sandbox/paths.ts';
import { sendWithFds } from '../../../../src/linux/fdpass.ts';
import { descriptorOf } from '../../../../src/linux/handle.ts';
import { terminalNumber, unlockTerminal } from '../../../../src/linux/terminal.ts';

let master: number;
let socket: ConsoleSocket;
beforeEach(async () => {
  mkdirSync(BASE, { recursive: true });
  master = openSync('/dev/ptmx', constants.O_RDWR | constants.O_NOCTTY);
  unlockTerminal(master);
  socket = await ConsoleSocket.listen();
});
afterEach(() => {
  closeSync(master);
  socket.close();
  expect(existsSync(socket.path)).toBe(false);
});

async function send(fds: readonly number[]): Promise<void> {
  const connection = createConnection(socket.path);
  await once(connection, 'connect');
  sendWithFds(descriptorOf(connection), Buffer.from(' '), fds);
  connection.destroy();
}

const openDescriptors = (): number => readdirSync('/proc/self/fd').length;

describe('ConsoleSocket', () => {
  it('hands over the terminal', async () => {
    await send([master]);
    const received = await socket.take();
    expect(received).not.toBe(master);
    expect(fstatSync(received).rdev).toBe(fstatSync(master).rdev);
    expect(terminalNumber(received)).toBe(terminalNumber(master));
    closeSync(received);
  });

  it('fails where the message has no terminal', async () => {
    await send([]);
    await expect(socket.take()).rejects.toThrow('sent no terminal');
  });

  it('closes a terminal that nobody took', async () => {
    const before = openDescriptors();
    await send([master]);
    // One that comes after it was closed, too.
    socket.close();
    await expect(socket.take()).rejects.toMatchObject({ code: 'ERR_INTERNAL' });
    const other = await ConsoleSocket.listen();
    const waiting = once(createConnection(other.path), 'connect');
    await waiting;
    other.close();
    await expect.poll(openDescriptors).toBeLessThanOrEqual(before);
  });
});
