import { closeSync, fstatSync, openSync, statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseCommandLine } from '../../../src/vmm/command-line.ts';
import { ask, askWithFds, type RestAnswer } from '../../replay/rest-client.ts';
import { type RestStep, readRestRecording } from '../../replay/rest-recording.ts';
import { type Fixture, openFixture } from './fixture.ts';

/** What the recorded shim does with what it gets is in the rules; here it is asked the same once more. */
async function replay(fixture: Fixture, steps: readonly RestStep[]): Promise<string[]> {
  const states: string[] = [];
  for (const step of steps) {
    if (step.is === 'start') {
      expect(parseCommandLine(step.argv)).toMatchObject({ is: 'serve', apiSocket: fixture.apiSocket });
    }
    if (step.is !== 'request') continue;
    const answer = await send(fixture, step);
    expect([step.path, answer.status, answer.status === 204 ? answer.text : '']).toEqual([step.path, step.status, '']);
    if (step.path.endsWith('vm.info')) states.push(JSON.parse(answer.text).state);
  }
  return states;
}

async function send({ apiSocket }: Fixture, step: RestStep & { readonly is: 'request' }): Promise<RestAnswer> {
  if (!step.path.endsWith('vm.add-net')) return await ask(apiSocket, step.method, step.path, step.body);
  const tap = openSync('/dev/null', 'r');
  const answer = await askWithFds(apiSocket, step.path, step.body, [tap]);
  closeSync(tap);
  return answer;
}

describe('the dialogue of shim 2.2.0', () => {
  it('ends as it was recorded, from the arguments to the end', async () => {
    const fixture = await openFixture();
    const [steps = []] = readRestRecording('2.2.0', fixture.places);
    const states = await replay(fixture, steps);
    expect(states.slice(0, 2)).toEqual(['Created', 'Running']);
    expect(new Set(states.slice(1))).toEqual(new Set(['Running']));
    expect(fixture.shutdowns).toEqual([1]);
    expect(fixture.lines).toEqual([]);
    const [machine] = fixture.machines;
    expect(machine?.spec?.devices.map(({ device }) => device)).toEqual([
      expect.objectContaining({ kind: 'net', tap: { is: 'name', name: 'tap0_kata' }, mac: '26:61:a7:9b:9c:20' }),
      expect.objectContaining({ kind: 'fs', tag: 'kataShared', queues: 1, queueSize: 1024 }),
      { kind: 'vsock' },
      { kind: 'rng' },
    ]);
    expect(machine?.spec?.config.pmems).toEqual([{ file: fixture.places.image, discardWrites: true }]);
    expect(machine?.spec?.config.console).toEqual({ device: 'serial', isShown: true });
    // The memory is asked for at every container, and added once; the processors are there already.
    expect(machine?.commands.map(({ command }) => command)).toEqual(['object-add', 'device_add']);
    expect(machine?.commands[0]?.args).toMatchObject({ size: 128 * 2 ** 20, share: true });
  });
});

describe('the dialogue of shim 3.5.0', () => {
  it.each([0, 1])('ends as it was recorded, with %i network cards', async (cards) => {
    const fixture = await openFixture();
    const steps = readRestRecording('3.5.0', fixture.places)[cards] ?? [];
    expect(await replay(fixture, steps)).toEqual(['Created', 'Running']);
    expect(fixture.shutdowns).toEqual([1]);
    const [machine] = fixture.machines;
    expect(machine?.spec?.config.initramfs).toBe(fixture.places.initramfs);
    const taps = machine?.spec?.devices.flatMap(({ device }) => (device.kind === 'net' ? [device.tap] : [])) ?? [];
    expect(taps).toHaveLength(cards);
    for (const tap of taps) {
      const fds = tap.is === 'descriptors' ? tap.fds : [];
      expect(fds).toHaveLength(1);
      // It is the file that was sent, under a number of ours.
      expect(fds.map((fd) => fstatSync(fd).rdev)).toEqual([statSync('/dev/null').rdev]);
    }
    await fixture.vmm.close();
    expect(machine?.isStopped).toBe(true);
  });
});
