import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { endpointConnector, parseAgentEndpoint } from '../../../../src/host/conformance/endpoint.ts';

describe('parseAgentEndpoint()', () => {
  it.each([
    ['unix:///run/a.sock', { kind: 'unix', path: '/run/a.sock' }],
    ['unix://@name', { kind: 'unix', path: '@name' }],
    ['vsock://3:1024', { kind: 'vsock', cid: 3, port: 1024 }],
    ['hvsock:///run/v.sock:1024', { kind: 'hybrid', path: '/run/v.sock', port: 1024 }],
  ])('reads %s', (text, endpoint) => {
    expect(parseAgentEndpoint(text)).toEqual(endpoint);
  });

  it.each(['', 'unix://', 'unix://a', 'vsock://-1:1024', 'vsock://3', 'hvsock://x:1', 'hvsock:///x', 'tcp://a:1'])(
    'refuses %j',
    (text) => {
      expect(() => parseAgentEndpoint(text)).toThrow(`address ${JSON.stringify(text)} is not unix:///PATH`);
    },
  );
});

describe('endpointConnector()', () => {
  it('connects to a socket, and tells where there is none', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'kata-endpoint-'));
    const path = join(directory, 'a.sock');
    const server = createServer((socket) => socket.end('hello'));
    try {
      const { connect } = endpointConnector({ kind: 'unix', path });
      await expect(connect(1024, 1000)).rejects.toMatchObject({ errno: 'ENOENT' });
      await new Promise<void>((resolve) => void server.listen(path, resolve));
      const stream = await connect(1024, 1000);
      const [chunk] = await stream.take(1).toArray();
      expect(String(chunk)).toBe('hello');
      stream.destroy();
    } finally {
      server.close();
      rmSync(directory, { recursive: true });
    }
  });
});
