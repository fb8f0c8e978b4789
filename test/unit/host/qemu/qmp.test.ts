import { closeSync, fstatSync, mkdtempSync, openSync, rmSync, statSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { QmpClient } from '../../../../src/host/qemu/qmp.ts';
import { receiveWithFds } from '../../../../src/linux/fdpass.ts';
import { descriptorOf } from '../../../../src/linux/handle.ts';
import { watchStream } from '../../../../src/linux/readiness.ts';

const GREETING = { QMP: { version: { qemu: { major: 7, minor: 2, micro: 0 } }, capabilities: [] } };

describe('QmpClient', () => {
  let directory = '';
  let path = '';
  let server: Server | undefined;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'qmp-'));
    path = join(directory, 'qmp.sock');
  });
  afterEach(() => {
    server?.close();
    rmSync(directory, { recursive: true });
  });

  /** A QEMU that answers each command by `answer`. */
  async function serve(answer: (command: string, socket: Socket) => object | undefined): Promise<void> {
    server = createServer((socket) => {
      socket.write(`${JSON.stringify(GREETING)}\r\n`);
      createInterface({ input: socket }).on('line', (line) => {
        const { execute } = JSON.parse(line);
        const reply = execute === 'qmp_capabilities' ? { return: {} } : answer(execute, socket);
        if (reply !== undefined) socket.write(`${JSON.stringify(reply)}\r\n`);
      });
    });
    await new Promise<void>((resolve) => server?.listen(path, resolve));
  }

  it('gives what a command returns, and events apart from it', async () => {
    await serve((command, socket) => {
      socket.write('{"event": "STOP", "data": {"why": "asked"}}\r\n');
      return { return: { asked: command } };
    });
    const events: unknown[] = [];
    const client = await QmpClient.connect(path, (name, data) => events.push([name, data]));
    expect(await client.execute('query-status')).toEqual({ asked: 'query-status' });
    expect(events).toEqual([['STOP', { why: 'asked' }]]);
    client.close();
  });

  it('sends descriptors with the command that wants them', async () => {
    const received: number[] = [];
    server = createServer({ pauseOnConnect: true }, (socket) => {
      socket.write(`${JSON.stringify(GREETING)}\r\n`);
      const watch = watchStream(socket, () => {
        const into = Buffer.alloc(1000);
        const message = receiveWithFds(descriptorOf(socket), into);
        if (message.kind === 'end') watch.close();
        if (message.kind !== 'data') return;
        received.push(...message.fds);
        socket.write('{"return": {}}\r\n');
      });
    });
    await new Promise<void>((resolve) => server?.listen(path, resolve));
    const client = await QmpClient.connect(path);
    const file = openSync('/dev/null', 'r');
    await client.execute('getfd', { fdname: 'tap' }, [file]);
    closeSync(file);
    expect(received).toHaveLength(1);
    expect(received.map((fd) => fstatSync(fd).rdev)).toEqual([statSync('/dev/null').rdev]);
    for (const fd of received) closeSync(fd);
    client.close();
  });

  it('makes an error of what QEMU calls one', async () => {
    await serve(() => ({ error: { class: 'CommandNotFound', desc: 'The command foo has not been found' } }));
    const client = await QmpClient.connect(path);
    await expect(client.execute('foo')).rejects.toMatchObject({
      code: 'ERR_COMMAND',
      message: 'QEMU: The command foo has not been found',
    });
    client.close();
  });

  it('fails what is under way, and what comes later, when QEMU goes away', async () => {
    await serve((_, socket) => {
      socket.destroy();
      return undefined;
    });
    const client = await QmpClient.connect(path);
    await expect(client.execute('quit')).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE' });
    await expect(client.execute('quit')).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE' });
  });

  it('hangs up on a peer that does not speak the protocol', async () => {
    await serve((_, socket) => {
      socket.write('ssh-2.0\r\n');
      return undefined;
    });
    const client = await QmpClient.connect(path);
    await expect(client.execute('quit')).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE' });
  });

  it('says where nobody listens', async () => {
    await expect(QmpClient.connect(path)).rejects.toMatchObject({
      code: 'ERR_UNAVAILABLE',
      message: expect.stringContaining(path),
    });
  });
});
