/** Servers at Unix sockets. */
import { once } from 'node:events';
import type { Server } from 'node:net';
import { KataError } from '../../wire/error.ts';

/** Listens at a path. @throws KataError ERR_SYSCALL, such as EADDRINUSE. */
export async function listenAt(server: Server, path: string): Promise<void> {
  try {
    server.listen(path);
    await once(server, 'listening');
  } catch (error) {
    throw KataError.from(error);
  }
}

/** Stops listening, removes the socket, and waits for the last connection to end. Nothing happens a second time. */
export async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return;
  server.close();
  await once(server, 'close');
}
