import { describe, expect, it } from 'vitest';
import { plugMemory } from '../../../../src/vmm/hotplug/memory.ts';
import { KataError } from '../../../../src/wire/error.ts';
import { RecordingMachine } from '../recording-machine.ts';

const BLOCK = 128 * 2 ** 20;

describe('plugMemory()', () => {
  it('adds shared memory, which virtiofsd and the vsock device can map', async () => {
    const machine = new RecordingMachine();
    await plugMemory(machine, { index: 2, size: 3 * BLOCK });
    expect(machine.commands.map(({ args }) => args)).toEqual([
      { 'qom-type': 'memory-backend-memfd', id: 'mem2', size: 3 * BLOCK, share: true },
      { driver: 'pc-dimm', id: 'dimm2', memdev: 'mem2' },
    ]);
  });

  it('takes the memory back where there is no slot for it', async () => {
    const machine = new RecordingMachine();
    machine.answers.set('device_add', new KataError('ERR_COMMAND', 'QEMU: no slot'));
    await expect(plugMemory(machine, { index: 0, size: BLOCK })).rejects.toThrow('no slot');
    expect(machine.commands.at(-1)).toMatchObject({ command: 'object-del', args: { id: 'mem0' } });
  });

  it('refuses parts of a block', async () => {
    const machine = new RecordingMachine();
    await expect(plugMemory(machine, { index: 0, size: BLOCK + 1 })).rejects.toThrow('desired_ram');
    expect(machine.commands).toEqual([]);
  });
});
