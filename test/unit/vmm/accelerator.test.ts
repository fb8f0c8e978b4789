import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { acceleratorInTime } from '../../../src/vmm/accelerator.ts';

describe('acceleratorInTime()', () => {
  const qemu = { path: '/no/such/qemu', version: 'none' };

  it.each(['kvm', 'tcg'])("takes the environment's word: %s", async (word) => {
    expect(await acceleratorInTime(qemu, '/k', { KATA_VMM_ACCELERATOR: word })).toMatchObject({ accelerator: word });
  });

  it('refuses another word', async () => {
    const choice = acceleratorInTime(qemu, '/k', { KATA_VMM_ACCELERATOR: 'fast' });
    await expect(choice).rejects.toThrow('KATA_VMM_ACCELERATOR: "fast" is not kvm or tcg');
  });

  it('emulates, rather than waits for a trial of KVM that takes its time', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'kata-accelerator-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const slow = join(directory, 'qemu');
    writeFileSync(slow, '#!/bin/sh\nexec sleep 2\n');
    chmodSync(slow, 0o755);
    const startedMs = performance.now();
    const verdict = await acceleratorInTime({ path: slow, version: 'slow' }, '/k', { KATA_SANDBOX_CACHE: directory });
    expect(verdict.accelerator).toBe('tcg');
    expect(performance.now() - startedMs).toBeLessThan(1_800);
    // A host without KVM has nothing to try. Else the trial goes on, and what it finds is there for the next machine.
    if (verdict.reason.startsWith('/dev/kvm')) return;
    const found = (): string[] => readdirSync(directory).filter((name) => /^accelerator-\w+\.json$/.test(name));
    await expect.poll(found, { timeout: 20_000 }).toHaveLength(1);
  });
});
