import { once } from 'node:events';
import { closeSync, mkdtempSync, rmSync, writeSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { receiveWithFds } from '../../../../src/linux/fdpass.ts';
import { FsConnection } from '../../../../src/vmm/machine/fs-connection.ts';

describe('an FsConnection', () => {
  it("leaves virtiofsd's words to QEMU, and tells when virtiofsd has gone", async () => {
    const directory = mkdtempSync(join(tmpdir(), 'kata-vmm-fs-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const path = join(directory, 'fs.sock');
    const server = createServer();
    onTestFinished(() => void server.close());
    server.listen(path);
    await once(server, 'listening');
    const accepted = once(server, 'connection');
    const connection = await FsConnection.open(path);
    const [virtiofsd]: Socket[] = await accepted;
    if (virtiofsd === undefined) throw new Error('no connection');
    const qemu = connection.duplicate();
    virtiofsd.write('for QEMU');
    let isLost = false;
    void connection.lost.then(() => {
      isLost = true;
    });
    // Two looks, after which the words must still be there.
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(isLost).toBe(false);
    const into = Buffer.alloc(20);
    expect(receiveWithFds(qemu, into)).toMatchObject({ kind: 'data', bytes: 8 });
    writeSync(qemu, 'answer');
    expect(String((await once(virtiofsd, 'data'))[0])).toBe('answer');
    virtiofsd.destroy();
    await connection.lost;
    closeSync(qemu);
    connection.close();
  });

  it('is refused where no virtiofsd listens', async () => {
    await expect(FsConnection.open('/no/such.sock')).rejects.toMatchObject({
      code: 'ERR_UNAVAILABLE',
      message: expect.stringContaining('no virtiofsd at /no/such.sock'),
    });
  });
});
