import Long from 'long';
import { describe, expect, it } from 'vitest';
import { probeMemory } from '../../../../src/agent/hotplug/memory-probe.ts';
import { TemporaryFiles } from '../temporary-files.ts';

describe('probeMemory', () => {
  it('writes each address in hexadecimal', async () => {
    using files = new TemporaryFiles({ 'memory/probe': '' });
    await probeMemory([Long.fromString('1ABCDEF0000', true, 16)], files.root);
    expect(files.read('memory/probe')).toBe('0x1ABCDEF0000');
    await probeMemory([Long.UONE, Long.MAX_UNSIGNED_VALUE], files.root);
    expect(files.read('memory/probe').startsWith('0xFFFFFFFFFFFFFFFF')).toBe(true);
  });

  it('names the address where the kernel has no such file', async () => {
    using files = new TemporaryFiles({});
    await expect(probeMemory([Long.fromNumber(0x4000_0000, true)], files.root)).rejects.toMatchObject({
      status: 13,
      message: 'memHotplugProbeAddr: "0x40000000" is refused by the kernel (ENOENT)',
    });
    await probeMemory([], files.root);
  });
});
