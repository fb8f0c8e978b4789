import { appendFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FOREIGN_SOCKETS_FILE, Guardian, sweepStale } from '../../../src/host/guardian.ts';
import { createStateDirectory } from '../../../src/host/state/state-dir.ts';

function makeRoot(): string {
  const root = mkdtempSync(join(tmpdir(), 'guardian-test-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  return root;
}

describe('a guardian without a share', () => {
  it('removes the state, sockets elsewhere that are listed, and nothing that is none', async () => {
    const root = makeRoot();
    const state = createStateDirectory(join(root, 'run'), 'one');
    const guardian = Guardian.start(state);
    const server = createServer();
    onTestFinished(() => void server.close());
    const [socket, file] = [join(root, 'a socket'), join(root, 'file')];
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    writeFileSync(file, 'precious');
    for (const path of [socket, file, '/no/such']) appendFileSync(state.file(FOREIGN_SOCKETS_FILE), `${path}\n`);
    await guardian.release();
    expect([state.path, socket, file].map((path) => existsSync(path))).toEqual([false, false, true]);
  });

  it('is made up for by the next sweep', async () => {
    const root = makeRoot();
    const state = createStateDirectory(root, 'two');
    writeFileSync(state.file('owner.json'), JSON.stringify({ pid: 1, startTicks: 'never', bootId: 'none' }));
    expect(await sweepStale(root)).toEqual(['two']);
    expect(existsSync(state.path)).toBe(false);
  });
});
