/** Asks as a shim does: HTTP over a Unix socket, with a body in one piece, and descriptors beside it where it has some. */
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { sendWithFds } from '../../src/linux/fdpass.ts';
import { descriptorOf } from '../../src/linux/handle.ts';

/** What came back. */
export interface RestAnswer {
  readonly status: number;
  readonly text: string;
}

/** Asks once. */
export async function ask(socketPath: string, method: string, path: string, body?: unknown): Promise<RestAnswer> {
  const headers = { 'content-type': 'application/json' };
  const outgoing = request({ socketPath, method, path, headers, agent: false });
  outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  const [response] = await once(outgoing, 'response');
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode, text };
}

/** Asks with descriptors, all in one message, as the shim does where it adds a network card. */
export async function askWithFds(
  path: string,
  url: string,
  body: unknown,
  fds: readonly number[],
): Promise<RestAnswer> {
  const socket = connect(path);
  await once(socket, 'connect');
  const text = JSON.stringify(body);
  const head = `PUT ${url} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n`;
  sendWithFds(descriptorOf(socket), Buffer.from(head + text), fds);
  let answer = '';
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString('utf8');
    if (/\r\n\r\n(?:.|$)/s.test(answer)) socket.end();
  });
  await once(socket, 'close');
  return { status: Number(answer.split(' ')[1]), text: answer.slice(answer.indexOf('\r\n\r\n') + 4) };
}
