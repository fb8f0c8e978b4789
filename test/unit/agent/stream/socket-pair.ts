/** Connected sockets, as the agent's listener gives them. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Both ends of a connection: the agent's, from which nothing was read yet, and the host's. */
export interface SocketPair {
  readonly agent: Socket;
  readonly host: Socket;
}

/** Makes one; each direction ends by itself. */
export async function socketPair(): Promise<SocketPair> {
  const directory = mkdtempSync(join(tmpdir(), 'socket-pair-'));
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  try {
    server.listen(join(directory, 'socket'));
    await once(server, 'listening');
    const host = createConnection({ path: join(directory, 'socket'), allowHalfOpen: true });
    const [agent] = (await once(server, 'connection')) as [Socket];
    host.on('error', () => {});
    return { agent, host };
  } finally {
    server.close();
    rmSync(directory, { recursive: true, force: true });
  }
}
