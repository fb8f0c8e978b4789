import { closeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { listenOn } from '../../../src/linux/handle.ts';
import { VMADDR_CID_ANY, vsockConnect, vsockListen } from '../../../src/linux/vsock.ts';
import { KataError } from '../../../src/wire/error.ts';

/** VMADDR_CID_LOCAL: needs the loopback transport of the kernel. */
const LOOPBACK = 1;
const PORT = 50_321;
const LIMIT_MS = 5_000;

/** Why AF_VSOCK cannot be tried here; undefined where it can. */
async function whyNot(): Promise<string | undefined> {
  let listener: { close(): void } | undefined;
  try {
    listener = listenOn(vsockListen(VMADDR_CID_ANY, PORT), 1, (socket) => socket.destroy());
    const socket = await vsockConnect(LOOPBACK, PORT, LIMIT_MS);
    socket.destroy();
    return undefined;
  } catch (error) {
    return KataError.from(error).message;
  } finally {
    listener?.close();
  }
}

const reason = await whyNot();

describe.skipIf(reason !== undefined)(
  `vsock over the loopback transport${reason === undefined ? '' : `: ${reason}`}`,
  () => {
    it('carries bytes both ways, and the end of one side', async () => {
      const listener = listenOn(vsockListen(VMADDR_CID_ANY, PORT), 8, (socket) => {
        socket.pipe(socket);
      });
      const socket: Socket = await vsockConnect(LOOPBACK, PORT, LIMIT_MS);
      socket.end('there and back');
      let got = '';
      for await (const chunk of socket) got += String(chunk);
      listener.close();
      expect(got).toBe('there and back');
    });

    it('refuses a port that is taken, and one on which nobody listens', async () => {
      const fd = vsockListen(VMADDR_CID_ANY, PORT);
      expect(() => vsockListen(VMADDR_CID_ANY, PORT)).toThrow(expect.objectContaining({ errno: 'EADDRINUSE' }));
      closeSync(fd);
      await expect(vsockConnect(LOOPBACK, PORT + 1, LIMIT_MS)).rejects.toMatchObject({ errno: 'ECONNRESET' });
    });
  },
);

describe('vsockConnect', () => {
  it('fails with an errno and leaves no descriptor where no such context is', async () => {
    const attempt = vsockConnect(4_000_000_000, PORT, 200);
    await expect(attempt).rejects.toSatisfy((error) => KataError.from(error).errno !== undefined);
  });
});
