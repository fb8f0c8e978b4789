import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listen, parseEndpoint } from '../../../src/agent/endpoint.ts';
import { createLogger } from '../../../src/agent/log/logger.ts';
import { unixListen } from '../../../src/linux/unix-listen.ts';

const quiet = createLogger({ write: () => {} }, 'fatal');

describe('parseEndpoint', () => {
  it.each([
    ['vsock://-1:1024', { kind: 'vsock', cid: -1, port: 1024 }],
    ['vsock://3:4294967294', { kind: 'vsock', cid: 3, port: 4_294_967_294 }],
    ['unix:///run/a.sock', { kind: 'unix', path: '/run/a.sock' }],
    ['unix://@name', { kind: 'abstract', name: 'name' }],
  ])('%s', (address, endpoint) => {
    expect(parseEndpoint(address)).toEqual(endpoint);
  });

  it.each([
    '',
    'vsock://',
    'vsock://1024',
    'vsock://-2:1024',
    'vsock://-1:',
    'vsock://-1:4294967295',
    'vsock://-1:1024/x',
    'unix://',
    'unix://@',
    'unix://relative',
    'unix:///a\0b',
    `unix:///${'x'.repeat(107)}`,
    'tcp://0.0.0.0:1024',
    ' vsock://-1:1024',
  ])('refuses %j by name', (address) => {
    expect(() => parseEndpoint(address)).toThrow(`server address "${address}"`);
  });
});

describe('listen', () => {
  let directory: string;
  let path: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'endpoint-'));
    path = join(directory, 's');
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  async function echoOnce(where: string): Promise<string> {
    const socket = connect(where);
    let got = '';
    for await (const chunk of socket) got += String(chunk);
    return got;
  }

  it('listens on a path and removes it at the end', async () => {
    const listener = await listen({ kind: 'unix', path }, quiet, (socket) => socket.end('hi'));
    expect(await echoOnce(path)).toBe('hi');
    listener.close();
    expect(existsSync(path)).toBe(false);
  });

  it('listens on an abstract name', async () => {
    const name = `endpoint-test-${process.pid}`;
    const listener = await listen({ kind: 'abstract', name }, quiet, (socket) => socket.end('hi'));
    expect(await echoOnce(`\0${name}`)).toBe('hi');
    await expect(listen({ kind: 'abstract', name }, quiet, () => {})).rejects.toMatchObject({ errno: 'EADDRINUSE' });
    listener.close();
  });

  it('takes the place of a socket file that nobody serves any more', async () => {
    const { closeSync } = await import('node:fs');
    closeSync(unixListen(path, 1));
    const listener = await listen({ kind: 'unix', path }, quiet, (socket) => socket.end('new'));
    expect(await echoOnce(path)).toBe('new');
    listener.close();
  });

  it('does not take the place of one that is served, or of another file', async () => {
    const other = createServer().listen(path);
    await once(other, 'listening');
    await expect(listen({ kind: 'unix', path }, quiet, () => {})).rejects.toMatchObject({ errno: 'EADDRINUSE' });
    other.close();
    await once(other, 'close');
    writeFileSync(path, 'precious');
    await expect(listen({ kind: 'unix', path }, quiet, () => {})).rejects.toMatchObject({ errno: 'EADDRINUSE' });
    expect(existsSync(path)).toBe(true);
  });
});
