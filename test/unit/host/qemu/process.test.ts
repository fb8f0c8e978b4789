import { describe, expect, it } from 'vitest';
import { OwnedProcess } from '../../../../src/host/qemu/process.ts';
import { isGroupAlive } from '../../../../src/host/qemu/process-group.ts';

describe('OwnedProcess', () => {
  it('is gone only when its children are', async () => {
    const owned = await OwnedProcess.start(['/bin/sh', '-c', 'sleep 1000 & echo; wait'], ['ignore', 'pipe', 'inherit']);
    await new Promise((resolve) => owned.child.stdout?.once('data', resolve));
    expect(isGroupAlive(owned.pid)).toBe(true);
    // The leader alone: its child goes on, as the second process of virtiofsd would.
    process.kill(owned.pid, 'SIGKILL');
    expect(await owned.ended).toBe('signal SIGKILL');
    expect(isGroupAlive(owned.pid)).toBe(true);
    owned.kill();
    await owned.gone();
    expect(isGroupAlive(owned.pid)).toBe(false);
  });

  it('says how it ended by itself, and takes a kill after that', async () => {
    const owned = await OwnedProcess.start(['/bin/sh', '-c', 'exit 3'], 'ignore');
    expect(await owned.ended).toBe('exit status 3');
    owned.kill();
    await owned.gone();
    expect(owned.end).toBe('exit status 3');
  });

  it('names a program that there is not', async () => {
    const owned = await OwnedProcess.start(['/no/such/program'], 'ignore');
    expect(await owned.ended).toBe('exit status 127');
  });
});
