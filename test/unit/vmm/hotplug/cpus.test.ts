import { describe, expect, it } from 'vitest';
import { resizeCpus } from '../../../../src/vmm/hotplug/cpus.ts';
import { RecordingMachine } from '../recording-machine.ts';

/** Four places, as QEMU lists them; those with a path have a processor. */
function machineWith(paths: Readonly<Record<number, string>>): RecordingMachine {
  const machine = new RecordingMachine();
  machine.answers.set(
    'query-hotpluggable-cpus',
    [3, 2, 1, 0].map((core) => ({
      type: 'host-x86_64-cpu',
      'vcpus-count': 1,
      props: { 'socket-id': 0, 'core-id': core, 'thread-id': 0 },
      ...(paths[core] === undefined ? {} : { 'qom-path': paths[core] }),
    })),
  );
  return machine;
}

const changes = (machine: RecordingMachine) =>
  machine.commands.slice(1).map(({ command, args }) => [command, args['id']]);

describe('resizeCpus()', () => {
  it('fills the free places from the lowest on', async () => {
    const machine = machineWith({ 0: '/machine/unattached/device[0]' });
    await resizeCpus(machine, 1, 3);
    expect(machine.commands.slice(1)).toEqual([
      {
        command: 'device_add',
        args: { driver: 'host-x86_64-cpu', id: 'cpu-1', 'socket-id': 0, 'core-id': 1, 'thread-id': 0 },
        fds: [],
      },
      expect.objectContaining({ args: expect.objectContaining({ id: 'cpu-2', 'core-id': 2 }) }),
    ]);
  });

  it('takes back those that were added, the last one first', async () => {
    const machine = machineWith({
      0: '/machine/unattached/device[0]',
      1: '/machine/peripheral/cpu-1',
      2: '/machine/peripheral/cpu-2',
    });
    await resizeCpus(machine, 3, 2);
    expect(changes(machine)).toEqual([['device_del', 'cpu-2']]);
  });

  it('refuses more or fewer than there can be', async () => {
    const machine = machineWith({ 0: '/machine/unattached/device[0]', 1: '/machine/unattached/device[1]' });
    await expect(resizeCpus(machine, 2, 5)).rejects.toThrow('of 3 processors, 2 can be had');
    await expect(resizeCpus(machine, 2, 1)).rejects.toThrow('of 1 processors, 0 can be had');
    expect(machine.commands.every(({ command }) => command.startsWith('query-'))).toBe(true);
  });
});
