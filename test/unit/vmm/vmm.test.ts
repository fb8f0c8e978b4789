import { fstatSync, openSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { KataError } from '../../../src/wire/error.ts';
import { type Fixture, HOST_MEMORY, openFixture, smallVm } from './fixture.ts';
import type { RecordingMachine } from './recording-machine.ts';

const MIB = 2 ** 20;

/** A monitor whose machine runs. */
async function bootedFixture(): Promise<Fixture & { readonly machine: RecordingMachine }> {
  const fixture = await openFixture();
  await fixture.vmm.create(smallVm(fixture.places));
  await fixture.vmm.boot();
  const machine = fixture.machines.at(-1);
  if (machine === undefined) throw new Error('no machine was started');
  return { ...fixture, machine };
}

function isOpen(fd: number): boolean {
  try {
    fstatSync(fd);
    return true;
  } catch {
    return false;
  }
}

describe('a Vmm', () => {
  it('goes through the states of the API, and back to none', async () => {
    const { vmm, places, machines } = await openFixture();
    await vmm.create(smallVm(places));
    expect(vmm.info()).toMatchObject({ state: 'Created', memory_actual_size: 256 * MIB });
    await vmm.boot();
    expect([vmm.runs, vmm.info()]).toEqual([true, expect.objectContaining({ state: 'Running' })]);
    await vmm.pause();
    expect(vmm.info()).toMatchObject({ state: 'Paused' });
    await vmm.resume();
    await vmm.pressPowerButton();
    expect(machines[0]?.commands.map(({ command }) => command)).toEqual(['stop', 'cont', 'system_powerdown']);
    await vmm.shutdown();
    expect(vmm.info()).toMatchObject({ state: 'Shutdown' });
    expect(machines[0]?.isStopped).toBe(true);
    await vmm.boot();
    expect(machines).toHaveLength(2);
    await vmm.delete();
    expect(machines[1]?.isStopped).toBe(true);
    expect(() => vmm.info()).toThrow('there is no machine');
    await vmm.create(smallVm(places));
  });

  it.each([
    ['create twice', (vmm: Fixture['vmm'], body: object) => vmm.create(body), 'ERR_ALREADY_EXISTS'],
    ['boot twice', (vmm: Fixture['vmm']) => vmm.boot(), 'ERR_FAILED_PRECONDITION'],
  ])('refuses to %s, and goes on', async (_, again, code) => {
    const { vmm, places } = await bootedFixture();
    await expect(again(vmm, smallVm(places))).rejects.toMatchObject({ code });
    expect(vmm.info()).toMatchObject({ state: 'Running' });
  });

  it('refuses what needs a machine that runs', async () => {
    const { vmm, places } = await openFixture();
    await vmm.create(smallVm(places));
    for (const action of [
      vmm.pause(),
      vmm.resume(),
      vmm.shutdown(),
      vmm.resize({ desired_vcpus: 2 }),
      vmm.counters(),
    ]) {
      await expect(action).rejects.toMatchObject({ code: 'ERR_FAILED_PRECONDITION' });
    }
  });

  it('stays created where the start fails, and can be booted again', async () => {
    const { vmm, places } = await openFixture(new KataError('ERR_UNAVAILABLE', 'no virtiofsd'));
    await vmm.create(smallVm(places));
    await expect(vmm.boot()).rejects.toThrow('no virtiofsd');
    expect(vmm.info()).toMatchObject({ state: 'Created' });
  });

  it('tells of an end that nobody asked for, and of no other', async () => {
    const { vmm, machine, ends } = await bootedFixture();
    machine.end({ is: 'lost', why: 'QEMU ended' });
    await expect.poll(() => ends).toEqual([{ is: 'lost', why: 'QEMU ended' }]);
    expect(vmm.info()).toMatchObject({ state: 'Shutdown' });
    const other = await bootedFixture();
    await other.vmm.shutdown();
    other.machine.end({ is: 'powered-off', why: 'asked' });
    await Promise.resolve();
    expect(other.ends).toEqual([]);
  });

  it('tells in vm.info what there is now: clients work out the next size from it', async () => {
    const { vmm, machine } = await bootedFixture();
    machine.answers.set('query-hotpluggable-cpus', [
      { type: 'max-x86_64-cpu', props: { 'core-id': 1 } },
      { type: 'max-x86_64-cpu', props: { 'core-id': 0 }, 'qom-path': '/machine/unattached/device[0]' },
    ]);
    await vmm.resize({ desired_vcpus: 2, desired_ram: 512 * MIB });
    expect(vmm.info()).toMatchObject({
      config: {
        cpus: { boot_vcpus: 2, max_vcpus: 4 },
        memory: { size: 512 * MIB, hotplug_size: 1024 * MIB },
        payload: { cmdline: 'panic=1' },
      },
      memory_actual_size: 512 * MIB,
    });
  });

  it('tells how much memory can be added, not how much was asked for', async () => {
    const { vmm, places } = await openFixture();
    const { memory, ...rest } = smallVm(places);
    await vmm.create({ ...rest, memory: { ...Object(memory), hotplug_size: HOST_MEMORY } });
    expect(vmm.info()).toMatchObject({ config: { memory: { hotplug_size: HOST_MEMORY - 256 * MIB } } });
  });

  it('bothers nobody for the size that there is', async () => {
    const { vmm, machine } = await bootedFixture();
    await vmm.resize({ desired_vcpus: 1, desired_ram: 256 * MIB });
    await vmm.resize({});
    expect(machine.commands).toEqual([]);
  });

  it.each([
    [{ desired_vcpus: 5 }, 'desired_vcpus: 5 is more than max_vcpus 4'],
    [{ desired_vcpus: 0 }, 'request.desired_vcpus: 0'],
    [{ desired_ram: 128 * MIB }, 'is less than the machine has'],
    [{ desired_ram: 300 * MIB }, 'are not whole blocks of 128 MiB'],
    [{ desired_ram: 2048 * MIB }, 'is more than'],
    [{ desired_balloon: 1 }, 'desired_balloon is not supported'],
  ])('refuses to resize to %j', async (body, message) => {
    const { vmm, machine } = await bootedFixture();
    await expect(vmm.resize(body)).rejects.toThrow(message);
    expect(machine.commands).toEqual([]);
  });

  it('adds and removes a disk, whose address the client learns', async () => {
    const { vmm, machine, places } = await bootedFixture();
    const answer = await vmm.addDisk({ path: places.image, id: 'clh_drive_0' });
    // The vsock device and the source of entropy have the two slots before.
    expect(answer).toEqual({ id: 'clh_drive_0', bdf: '0000:00:04.0' });
    expect(machine.commands.map(({ command }) => command)).toEqual(['blockdev-add', 'device_add']);
    await vmm.removeDevice({ id: 'clh_drive_0' });
    expect(machine.unplugged).toEqual(['dev4']);
    expect(machine.commands.at(-1)?.command).toBe('blockdev-del');
    await expect(vmm.removeDevice({ id: 'clh_drive_0' })).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
  });

  it('leaves nothing of a device that QEMU refuses', async () => {
    const { vmm, machine, places } = await bootedFixture();
    machine.answers.set('device_add', new KataError('ERR_COMMAND', 'QEMU: no'));
    await expect(vmm.addDisk({ path: places.image, id: 'd' })).rejects.toThrow('QEMU: no');
    expect(machine.commands.map(({ command }) => command)).toEqual(['blockdev-add', 'device_add', 'blockdev-del']);
    machine.answers.delete('device_add');
    expect(await vmm.addDisk({ path: places.image, id: 'd' })).toMatchObject({ bdf: '0000:00:04.0' });
  });

  it('keeps the descriptors of a card as long as the card, and of a refused one not at all', async () => {
    const { vmm, machine } = await bootedFixture();
    const [kept, refused] = [openSync('/dev/null', 'r'), openSync('/dev/null', 'r')];
    await vmm.addNet({ id: 'card' }, [kept]);
    expect(machine.commands[0]).toEqual({ command: 'getfd', args: { fdname: 'dev4-fd0' }, fds: [kept] });
    expect(machine.commands[1]?.args).toMatchObject({ type: 'tap', fd: 'dev4-fd0' });
    await expect(vmm.addNet({ id: 'card' }, [refused])).rejects.toMatchObject({ code: 'ERR_ALREADY_EXISTS' });
    expect([isOpen(kept), isOpen(refused)]).toEqual([true, false]);
    await vmm.removeDevice({ id: 'card' });
    expect(isOpen(kept)).toBe(false);
  });

  it('does one thing after the other', async () => {
    const { vmm, places } = await openFixture();
    const body = smallVm(places);
    const results = await Promise.allSettled([
      vmm.create(body),
      vmm.create(body),
      vmm.boot(),
      vmm.boot(),
      vmm.delete(),
    ]);
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
  });
});
