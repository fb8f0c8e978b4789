/** The ports of a guest whose vsock another process makes, through that one's hybrid socket. */
import { createConnection, type Socket } from 'node:net';
import { KataError } from '../../wire/error.ts';
import { formatConnect, parseOk, RESPONSE_LINE_MAX_BYTES } from '../../wire/vsock/hybrid.ts';
import type { GuestStream, VsockConnector } from './guest-vsock.ts';
import { readLine } from './read-line.ts';

/** Connects by `CONNECT <port>`; each connection is one of the Unix socket. */
export class HybridClient implements VsockConnector {
  readonly #path: string;

  /** @param path of the hybrid socket. */
  constructor(path: string) {
    this.#path = path;
  }

  /** As {@link VsockConnector.connect}; ERR_SYSCALL with ENOENT or ECONNREFUSED where the process has gone. */
  async connect(port: number, timeoutMs: number): Promise<GuestStream> {
    const socket = createConnection({ path: this.#path, allowHalfOpen: true });
    try {
      return await request(socket, port, timeoutMs);
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }
}

async function request(socket: Socket, port: number, timeoutMs: number): Promise<GuestStream> {
  let failure: KataError | undefined;
  const onError = (error: Error): void => {
    failure = KataError.from(error);
  };
  socket.on('error', onError);
  socket.write(formatConnect(port));
  const line = await readLine(socket, RESPONSE_LINE_MAX_BYTES, timeoutMs).catch((error: unknown) => {
    throw failure ?? refused(port, KataError.from(error));
  });
  const localPort = parseOk(line);
  if (localPort === undefined) {
    throw new KataError('ERR_PROTOCOL', `vsock port ${port}: the hybrid socket answered ${JSON.stringify(line)}`);
  }
  socket.off('error', onError);
  return Object.defineProperty(socket, 'localPort', { value: localPort }) as GuestStream;
}

/** The protocol has one word for a refusal: the end. */
function refused(port: number, cause: KataError): KataError {
  if (cause.code !== 'ERR_UNAVAILABLE') return cause;
  const message = `vsock port ${port}: the guest refused the connection`;
  return new KataError('ERR_UNAVAILABLE', message, { errno: 'ECONNREFUSED', cause });
}
