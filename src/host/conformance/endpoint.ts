/** Where an agent listens, as this machine reaches it. */
import { createConnection } from 'node:net';
import type { Duplex } from 'node:stream';
import { vsockConnect } from '../../linux/vsock.ts';
import { KataError } from '../../wire/error.ts';
import type { AgentConnector } from '../agent-connection.ts';
import { HybridClient } from '../vsock/hybrid-client.ts';

/** See above. */
export type AgentEndpoint =
  /** A socket file, or with a leading `@` a name without one. */
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'vsock'; readonly cid: number; readonly port: number }
  /** The socket of a machine monitor that asks for the port by a line. */
  | { readonly kind: 'hybrid'; readonly path: string; readonly port: number };

const FORMS = 'unix:///PATH, unix://@NAME, vsock://CID:PORT or hvsock:///PATH:PORT';

/** @throws KataError ERR_INVALID_ARGUMENT with the text. */
export function parseAgentEndpoint(text: string): AgentEndpoint {
  const unix = /^unix:\/\/([/@].+)$/.exec(text)?.[1];
  if (unix !== undefined) return { kind: 'unix', path: unix };
  const [, cid, port] = /^vsock:\/\/(\d{1,10}):(\d{1,10})$/.exec(text) ?? [];
  if (cid !== undefined && port !== undefined) return { kind: 'vsock', cid: Number(cid), port: Number(port) };
  const [, path, hybridPort] = /^hvsock:\/\/(\/.+):(\d{1,10})$/.exec(text) ?? [];
  if (path !== undefined && hybridPort !== undefined) return { kind: 'hybrid', path, port: Number(hybridPort) };
  throw new KataError('ERR_INVALID_ARGUMENT', `address ${JSON.stringify(text)} is not ${FORMS}`);
}

/** A way to the agent there. Its port is the endpoint's, whichever is asked for. */
export function endpointConnector(endpoint: AgentEndpoint): AgentConnector {
  switch (endpoint.kind) {
    case 'unix':
      return { connect: () => connectUnix(endpoint.path) };
    case 'vsock':
      return { connect: (_port, timeoutMs) => vsockConnect(endpoint.cid, endpoint.port, timeoutMs) };
    case 'hybrid': {
      const client = new HybridClient(endpoint.path);
      return { connect: (_port, timeoutMs) => client.connect(endpoint.port, timeoutMs) };
    }
  }
}

function connectUnix(path: string): Promise<Duplex> {
  const socket = createConnection({ path: path.startsWith('@') ? `\0${path.slice(1)}` : path, allowHalfOpen: true });
  const { promise, resolve, reject } = Promise.withResolvers<Duplex>();
  const onError = (error: Error): void => reject(KataError.from(error));
  socket.once('error', onError);
  socket.once('connect', () => {
    socket.off('error', onError);
    resolve(socket);
  });
  return promise;
}
