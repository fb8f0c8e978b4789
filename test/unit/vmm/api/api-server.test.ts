import { once } from 'node:events';
import { closeSync, openSync, readdirSync, statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { sendWithFds } from '../../../../src/linux/fdpass.ts';
import { descriptorOf } from '../../../../src/linux/handle.ts';
import { ask, askWithFds } from '../../../replay/rest-client.ts';
import { openFixture, smallVm } from '../fixture.ts';

const API = '/api/v1/';

/** The end of a connection, in whatever way it comes. */
function closeOf(socket: Socket): Promise<void> {
  socket.on('error', () => {});
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

/** Sends bytes as they are, and gives all that comes back. */
async function sendRaw(path: string, ...pieces: readonly string[]): Promise<string> {
  const socket = connect(path);
  let answer = '';
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString('latin1');
    socket.end();
  });
  for (const piece of pieces) socket.write(piece);
  await closeOf(socket);
  return answer;
}

const openDescriptors = (): number => readdirSync('/proc/self/fd').length;

describe('the API', () => {
  it('answers a ping', async () => {
    const { apiSocket } = await openFixture();
    const answer = await ask(apiSocket, 'GET', `${API}vmm.ping`);
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text)).toMatchObject({ version: '1.2.3', pid: process.pid });
  });

  it('is for root alone', async () => {
    const { apiSocket } = await openFixture();
    expect(statSync(apiSocket).mode & 0o777).toBe(0o600);
  });

  it('serves many requests on one connection, in pieces too', async () => {
    const { apiSocket } = await openFixture();
    const socket = connect(apiSocket);
    let answers = '';
    socket.on('data', (chunk: Buffer) => {
      answers += chunk.toString();
    });
    for (const piece of [
      'GET /api/v1/vmm.',
      'ping HTTP/1.1\r\nHost: x\r\n',
      '\r\nGET /api/v1/vmm.ping HTTP/1.1\r\nHost: x\r\n\r\n',
    ]) {
      socket.write(piece);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await expect.poll(() => answers.split('HTTP/1.1 200').length - 1).toBe(2);
    socket.destroy();
  });

  it.each([
    ['GET', 'vm.info', undefined, 404, 'there is no machine'],
    ['PUT', 'vm.boot', undefined, 404, 'there is no machine'],
    ['PUT', 'vm.resize', { desired_vcpus: 1 }, 404, 'there is no machine'],
    ['PUT', 'vm.create', undefined, 400, 'request is not an object'],
    ['PUT', 'vm.create', 'text', 400, 'request is not an object'],
    ['PUT', 'vm.create', { payload: 7 }, 400, 'request.payload is not an object'],
    ['POST', 'vm.create', {}, 400, 'the method is PUT'],
    ['PUT', 'vm.snapshot', {}, 404, 'there is no such request'],
    ['PUT', '../../etc/passwd', {}, 404, 'there is no such request'],
    ['PUT', 'vm.remove-device', { id: 'x' }, 404, 'there is no machine'],
  ])('refuses %s %s with %j', async (method, path, body, status, text) => {
    const { apiSocket, lines } = await openFixture();
    const answer = await ask(apiSocket, method, `${API}${path}`, body);
    expect([answer.status, JSON.parse(answer.text)]).toEqual([status, [expect.stringContaining(text)]]);
    // Who looks at the log finds the same.
    expect(lines).toEqual([expect.stringContaining(text)]);
    expect((await ask(apiSocket, 'GET', `${API}vmm.ping`)).status).toBe(200);
  });

  it.each(['{bad', '[', '{"a":"\\ud800', 'null'])('refuses the body %j', async (body) => {
    const { apiSocket } = await openFixture();
    const head = `PUT ${API}vm.create HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`;
    expect(await sendRaw(apiSocket, head, body)).toMatch(/^HTTP\/1\.1 400 /);
    expect((await ask(apiSocket, 'GET', `${API}vmm.ping`)).status).toBe(200);
  });

  it('refuses a body that is too long, and tells so although the client is still sending', async () => {
    const { apiSocket } = await openFixture();
    const size = 64 << 20;
    const head = `PUT ${API}vm.create HTTP/1.1\r\nHost: x\r\nContent-Length: ${size}\r\n\r\n`;
    expect(await sendRaw(apiSocket, head, ' '.repeat(size))).toMatch(/^HTTP\/1\.1 413 /);
    expect((await ask(apiSocket, 'GET', `${API}vmm.ping`)).status).toBe(200);
  });

  it('refuses a description that is nested without end', async () => {
    const { apiSocket, places } = await openFixture();
    const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;
    const body = JSON.stringify(smallVm(places)).replace(/}$/, `,"unknown":${deep}}`);
    const head = `PUT ${API}vm.create HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`;
    expect(await sendRaw(apiSocket, head, body)).toMatch(/^HTTP\/1\.1 400 /);
    expect((await ask(apiSocket, 'GET', `${API}vm.info`)).status).toBe(404);
  });

  it.each([
    'nonsense\r\n\r\n',
    `GET ${API}vmm.ping HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(100_000)}\r\n\r\n`,
    '\0'.repeat(100),
  ])('refuses what is not HTTP', async (bytes) => {
    const { apiSocket, lines } = await openFixture();
    expect(await sendRaw(apiSocket, bytes)).toMatch(/^HTTP\/1\.1 400 /);
    expect(lines).toEqual([expect.stringContaining('is not HTTP')]);
    expect((await ask(apiSocket, 'GET', `${API}vmm.ping`)).status).toBe(200);
  });

  it('tells that the machine is to end only once it has answered so', async () => {
    const { apiSocket, shutdowns } = await openFixture();
    expect(await ask(apiSocket, 'PUT', `${API}vmm.shutdown`)).toEqual({ status: 204, text: '' });
    await expect.poll(() => shutdowns).toEqual([0]);
  });
});

describe('descriptors', () => {
  it('that a request has no use for are closed', async () => {
    const { apiSocket } = await openFixture();
    const file = openSync('/dev/null', 'r');
    await askWithFds(apiSocket, `${API}vm.create`, {}, [file]);
    const before = openDescriptors();
    for (let count = 0; count < 20; count += 1) {
      expect((await askWithFds(apiSocket, `${API}vm.create`, {}, [file, file])).status).toBe(400);
      expect((await askWithFds(apiSocket, `${API}vm.add-net`, { mac: 'x' }, [file])).status).toBe(400);
      expect((await askWithFds(apiSocket, `${API}vm.add-net`, {}, [file])).status).toBe(404);
    }
    await expect.poll(openDescriptors).toBeLessThanOrEqual(before);
    closeSync(file);
  });

  it('of a connection that ends without a request are closed', async () => {
    const { apiSocket } = await openFixture();
    const file = openSync('/dev/null', 'r');
    const before = openDescriptors();
    const socket = connect(apiSocket);
    await once(socket, 'connect');
    sendWithFds(descriptorOf(socket), Buffer.from('PUT /api'), [file, file]);
    const closed = closeOf(socket);
    socket.resume().end();
    await closed;
    await expect.poll(openDescriptors).toBe(before);
    closeSync(file);
  });

  it('too many of them end the connection', async () => {
    const { apiSocket } = await openFixture();
    const file = openSync('/dev/null', 'r');
    const socket = connect(apiSocket);
    await once(socket, 'connect');
    const closed = closeOf(socket);
    socket.resume();
    try {
      for (let count = 0; count < 100; count += 1)
        sendWithFds(descriptorOf(socket), Buffer.from('x'), Array(16).fill(file));
    } catch {
      // It may be gone before the last.
    }
    await closed;
    closeSync(file);
    expect((await ask(apiSocket, 'GET', `${API}vmm.ping`)).status).toBe(200);
  });
});
