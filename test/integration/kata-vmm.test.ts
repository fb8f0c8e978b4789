/** The machine monitor as a shim meets it: recorded dialogues with a real machine behind them, hot-plug, and every end. */
import { closeSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { buildKataImage } from '../../build/guest/kata-image.ts';
import { chooseAccelerator, findQemu } from '../../src/host/accelerator.ts';
import { AGENT_PORT, connectAgent } from '../../src/host/agent-connection.ts';
import { findImage } from '../../src/host/image.ts';
import { KATA_FILES } from '../../src/host/kata-image.ts';
import { cacheRoot } from '../../src/host/paths.ts';
import { HybridClient } from '../../src/host/vsock/hybrid-client.ts';
import { ask, askWithFds, type RestAnswer } from '../replay/rest-client.ts';
import { type Places, type RestRecordingName, type RestStep, readRestRecording } from '../replay/rest-recording.ts';
import { guestOutput } from './support/guest-shell.ts';
import { MonitoredMachine, type Part } from './support/monitored-machine.ts';
import { openTap } from './support/tap.ts';

const API = '/api/v1/';
const SERVING = 1;
const MIB = 2 ** 20;
/** The shim's, for each call but hot-plug (ms). It is part of the contract: a shim gives the pod up after it. */
const CALL_DEADLINE_MS = 1_000;
/** The shim's, from `vmm.shutdown` to the end of the process (ms). */
const END_DEADLINE_MS = 3_000;
/** An emulated guest answers in 4 s to 8 s; this only stops a hang. */
const BOOT_LIMIT_MS = 120_000;

let files = '';
let accelerator = '';
let machine: MonitoredMachine | undefined;

beforeAll(async () => {
  files = mkdtempSync(join(tmpdir(), 'kata-vmm-guest-'));
  await buildKataImage({ forms: ['image', 'initrd'], rootType: 'ext4', output: files, log: () => {} });
  // The verdict of the harness: one for each kernel of a test would stay in the user's cache.
  accelerator = (await chooseAccelerator(await findQemu(), findImage(), cacheRoot())).accelerator;
});
afterEach(async () => {
  await machine?.close();
  machine = undefined;
});
afterAll(() => rmSync(files, { recursive: true, force: true }));

async function start(args: readonly string[] = []): Promise<MonitoredMachine> {
  machine = await MonitoredMachine.start(args, { KATA_VMM_ACCELERATOR: accelerator });
  return machine;
}

const placesOf = ({ runDirectory }: MonitoredMachine): Places => ({
  runDirectory,
  kernel: join(files, KATA_FILES.kernel),
  initramfs: join(files, KATA_FILES.initrd),
  image: join(files, KATA_FILES.image),
});

const hybridOf = ({ runDirectory }: MonitoredMachine): HybridClient => new HybridClient(join(runDirectory, 'clh.sock'));

/** Connects as the recorded shim does, and asks the agent whether it serves. */
async function check(running: MonitoredMachine): Promise<number | undefined> {
  const ended = new AbortController();
  void running.ended.then(() => ended.abort(new Error(`the monitor ended: ${running.log}`)));
  const { client, calls } = await connectAgent(hybridOf(running), BOOT_LIMIT_MS, ended.signal);
  const { status } = await calls.health.Check({}, { timeoutMs: BOOT_LIMIT_MS });
  client.close();
  return status;
}

async function send(running: MonitoredMachine, step: RestStep & { readonly is: 'request' }): Promise<RestAnswer> {
  if (!step.path.endsWith('vm.add-net')) return await ask(running.apiSocket, step.method, step.path, step.body);
  const tap = openTap(`kvmm${process.pid}`.slice(0, 15));
  try {
    return await askWithFds(running.apiSocket, step.path, step.body, [tap]);
  } finally {
    closeSync(tap);
  }
}

/** Replays a dialogue. @returns states that vm.info told, and answers of Check. */
async function replay(running: MonitoredMachine, steps: readonly RestStep[]): Promise<(string | number | undefined)[]> {
  const seen: (string | number | undefined)[] = [];
  for (const step of steps) {
    if (step.is === 'connect') {
      expect(step.port).toBe(AGENT_PORT);
      seen.push(await check(running));
    }
    if (step.is !== 'request') continue;
    const startedMs = performance.now();
    const answer = await send(running, step);
    expect([step.path, answer.status, running.log]).toEqual([step.path, step.status, running.log]);
    expect(performance.now() - startedMs, step.path).toBeLessThan(CALL_DEADLINE_MS);
    if (step.path.endsWith('vm.info')) seen.push(JSON.parse(answer.text).state);
  }
  return seen;
}

/** The first machine of a recording, started with the recorded arguments. */
async function startRecorded(name: RestRecordingName, index: number) {
  const argv = readRestRecording(name, { runDirectory: '', kernel: '', initramfs: '', image: '' })
    .at(index)
    ?.flatMap((step) => (step.is === 'start' ? step.argv.slice(2) : []));
  const running = await start(argv);
  return { running, steps: readRestRecording(name, placesOf(running)).at(index) ?? [] };
}

async function expectEnd(running: MonitoredMachine, sinceMs: number): Promise<void> {
  expect(await running.ended).toEqual({ code: 0, signal: null });
  expect(performance.now() - sinceMs).toBeLessThan(END_DEADLINE_MS);
  expect(await running.leftovers()).toEqual([]);
}

describe('the recorded dialogue', () => {
  it('of shim 2.2.0 brings an image with a network card up to a Check, grows the machine, and ends it', async () => {
    const { running, steps } = await startRecorded('2.2.0', 0);
    const seen = await replay(running, steps);
    const endMs = performance.now();
    expect(seen.slice(0, 3)).toEqual(['Created', 'Running', SERVING]);
    await expectEnd(running, endMs);
  });

  it.each([
    ['without a network card', 0],
    ['with one, whose tap is a descriptor', 1],
  ])('of shim 3.5.0 brings an initramfs %s up to a Check, and ends it', async (_, index) => {
    const { running, steps } = await startRecorded('3.5.0', index);
    const seen = await replay(running, steps);
    const endMs = performance.now();
    expect(seen).toEqual(['Created', 'Running', SERVING]);
    await expectEnd(running, endMs);
  });
});

/** A machine of the newer dialect with this change. */
function description(running: MonitoredMachine, change: object = {}): object {
  const { kernel, initramfs } = placesOf(running);
  // As shims do, it names a root: without one the kernel gives its first file system half of the memory only.
  const cmdline = 'root=/dev/pmem0p1 panic=1 quiet agent.debug_console agent.debug_console_vport=1026';
  return {
    payload: { kernel, initramfs, cmdline },
    cpus: { boot_vcpus: 1, max_vcpus: 2 },
    memory: { size: 256 * MIB, hotplug_size: 1024 * MIB, shared: true },
    fs: [{ tag: 'kataShared', socket: join(running.runDirectory, 'virtiofsd.sock'), num_queues: 1, queue_size: 1024 }],
    vsock: { cid: 3, socket: join(running.runDirectory, 'clh.sock') },
    ...change,
  };
}

async function put(running: MonitoredMachine, path: string, body?: unknown): Promise<RestAnswer> {
  return await ask(running.apiSocket, 'PUT', `${API}${path}`, body);
}

async function boot(running: MonitoredMachine): Promise<void> {
  expect(await put(running, 'vm.create', description(running))).toEqual({ status: 204, text: '' });
  expect(await put(running, 'vm.boot')).toEqual({ status: 204, text: '' });
}

describe('a machine that runs', () => {
  it('gets disk, card, memory and a processor, which its kernel finds where the answers say', async () => {
    const running = await start();
    await boot(running);
    expect(await check(running)).toBe(SERVING);
    const guest = (script: string): Promise<string> => guestOutput(hybridOf(running), script);
    const blocks = 'busybox ls -d /sys/devices/system/memory/memory* | busybox wc -l';
    const before = Number(await guest(blocks));

    const disk = join(running.runDirectory, 'disk');
    writeFileSync(disk, 'first bytes of the disk');
    truncateSync(disk, MIB);
    const added = await put(running, 'vm.add-disk', { path: disk, id: 'clh_drive_0', readonly: true });
    expect([added.status, running.log]).toEqual([200, running.log]);
    const { id, bdf } = JSON.parse(added.text);
    expect(id).toBe('clh_drive_0');
    const at = `/sys/devices/pci0000:00/${bdf}/virtio*/block`;
    await expect.poll(() => guest(`busybox ls ${at} 2>/dev/null || true`), { timeout: 30_000 }).toMatch(/^vd[a-z]$/);
    const name = await guest(`busybox ls ${at}`);
    expect(await guest(`busybox head -c 23 /dev/${name}`)).toBe('first bytes of the disk');

    const tap = openTap(`kvmh${process.pid}`.slice(0, 15));
    const card = await askWithFds(running.apiSocket, `${API}vm.add-net`, { mac: '02:00:00:00:00:07' }, [tap]);
    closeSync(tap);
    expect([card.status, card.text]).toEqual([200, expect.stringContaining('0000:00:')]);

    expect((await put(running, 'vm.resize', { desired_vcpus: 2, desired_ram: 512 * MIB })).status).toBe(204);
    await expect.poll(() => guest(blocks), { timeout: 30_000 }).toBe(String(before + 2));
    await expect
      .poll(() => guest('busybox ls -d /sys/devices/system/cpu/cpu1 || true'), { timeout: 30_000 })
      .toBe('/sys/devices/system/cpu/cpu1');

    const counters = await ask(running.apiSocket, 'GET', `${API}vm.counters`);
    expect(JSON.parse(counters.text).clh_drive_0.read_bytes).toBeGreaterThan(0);
    expect((await put(running, 'vm.remove-device', { id })).status).toBe(204);
    expect(await guest(`busybox ls ${at} 2>/dev/null || echo none`)).toBe('none');
    // Virtiofsd and the vsock device have the new memory too, or they would have let go of the machine.
    expect(await check(running)).toBe(SERVING);
  });

  it('lingers for its shim where the guest has powered itself off', async () => {
    const running = await start();
    await boot(running);
    expect(await check(running)).toBe(SERVING);
    // In the foreground, since the shell takes what it left in the background with it; so there is no status.
    await expect(guestOutput(hybridOf(running), 'busybox poweroff -f')).rejects.toThrow('the console ended');
    await expect
      .poll(async () => JSON.parse((await ask(running.apiSocket, 'GET', `${API}vm.info`)).text).state, {
        timeout: 20_000,
      })
      .toBe('Shutdown');
    expect((await put(running, 'vmm.shutdown')).status).toBe(204);
    await expectEnd(running, performance.now());
  });
});

describe('SIGKILL', () => {
  it.each<Part>(['shim', 'kata-vmm', 'virtiofsd', 'QEMU'])('of %s ends the rest, and nothing is left', async (part) => {
    const running = await start();
    await boot(running);
    expect(await check(running)).toBe(SERVING);
    running.kill(part);
    expect(await running.leftovers()).toEqual([]);
    if (part === 'QEMU') expect(running.log).toContain('QEMU ended (signal SIGKILL)');
    if (part === 'virtiofsd') expect(running.log).toContain('virtiofsd has gone');
  });

  it('of the shim before it has asked anything ends the monitor', async () => {
    const running = await start();
    running.kill('shim');
    // One that no machine has connected to waits on; it is the shim's, and not the monitor's.
    running.kill('virtiofsd');
    expect(await running.leftovers()).toEqual([]);
  });
});
