/**
 * The calls that a stock shim was recorded to make, made again to our agent in a guest, with the root where the shim
 * puts it. The recording's programs are real here, so it is their status that comes back, not what the peer of the
 * recording made up.
 */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { chooseAccelerator, findQemu } from '../../src/host/accelerator.ts';
import { connectAgent } from '../../src/host/agent-connection.ts';
import { findImage } from '../../src/host/image.ts';
import { busyboxImage } from '../../src/host/image-store/busybox.ts';
import { HostMachine } from '../../src/host/machine.ts';
import { cacheRoot, imageRoot } from '../../src/host/paths.ts';
import { GUEST_SHARE, SHARE_TAG } from '../../src/host/share.ts';
import { findVirtiofsd } from '../../src/host/virtiofsd.ts';
import { grpc, type types } from '../../src/wire/generated/proto.js';
import { guestOutput } from '../integration/support/guest-shell.ts';
import { leftoversOf } from '../integration/support/leftovers.ts';
import { type RecordedCall, type RecordingName, readRecording } from './recording.ts';
import { type Answer, Replayer } from './replayer.ts';

const BOOT_TIMEOUT_MS = 90_000;
const POWER_OFF_TIMEOUT_MS = 20_000;

/** The interfaces that the calls are about, as devices of the machine. */
function interfacesOf(calls: readonly RecordedCall[]): types.Interface[] {
  return calls
    .filter(({ method }) => method === 'UpdateInterface')
    .flatMap(({ payload }) => grpc.UpdateInterfaceRequest.decode(payload).interface ?? []);
}

/** Boots a guest whose agent has no sandbox yet. */
async function startMachine(id: string, calls: readonly RecordedCall[]): Promise<HostMachine> {
  const image = findImage();
  const [qemu, virtiofsd] = await Promise.all([findQemu(), findVirtiofsd()]);
  const { accelerator } = await chooseAccelerator(qemu, image, cacheRoot());
  return await HostMachine.start({
    ...{ id, cpus: 1, memoryMiB: 256, image, qemu, accelerator, virtiofsd },
    // Emulated, and beside other work, a device takes longer than the three seconds that are the rule.
    kernelParameters: ['agent.debug_console', 'agent.debug_console_vport=1026', 'agent.hotplug_timeout=60'],
    qemuArguments: interfacesOf(calls).flatMap(({ hwAddr }, index) => [
      ...['-netdev', `hubport,id=net${index},hubid=${index}`],
      ...['-device', `virtio-net-pci,netdev=net${index},mac=${hwAddr},romfile=`],
    ]),
    onConsoleLine: () => {},
  });
}

/** The interfaces are as the calls wanted them, and the gateways of the routes are in the table. */
async function expectNetwork(vsock: HostMachine['vsock'], calls: readonly RecordedCall[]): Promise<void> {
  const shown = await guestOutput(vsock, '/usr/sbin/ip -br link; /usr/sbin/ip -br addr; /usr/sbin/ip route');
  for (const { name, hwAddr, IPAddresses: addresses } of interfacesOf(calls)) {
    expect(shown).toMatch(new RegExp(`^${name} .* ${hwAddr} <(.*,)?UP[,>]`, 'm'));
    for (const { address, mask } of addresses) expect(shown).toMatch(new RegExp(`^${name} .* ${address}/${mask}`, 'm'));
  }
  for (const { payload } of calls.filter(({ method }) => method === 'UpdateRoutes')) {
    for (const { gateway, device } of grpc.UpdateRoutesRequest.decode(payload).routes?.Routes ?? []) {
      expect(shown).toMatch(new RegExp(`^default via ${gateway} dev ${device} `, 'm'));
    }
  }
}

/** Puts what a container needs where the shim puts it: its root, and the files that its mounts name in the share. */
async function prepareContainer(
  { share, scratch }: Pick<HostMachine, 'share' | 'scratch'>,
  payload: Buffer,
): Promise<void> {
  const { container_id: id, OCI: spec } = grpc.CreateContainerRequest.decode(payload);
  await share.addLayeredRoot(id, (await busyboxImage(imageRoot())).rootfs, scratch(`layer-${id}`));
  const mounts = join(share.directory, 'mounts');
  for (const source of spec?.Mounts?.map((mount) => mount.source ?? '') ?? []) {
    const name = source.startsWith(`${GUEST_SHARE}/`) ? source.slice(GUEST_SHARE.length + 1) : '';
    if (name !== '') writeFileSync(join(mounts, name), `${name}\n`);
  }
  const [program = ''] = spec?.Process?.Args ?? [];
  // One recorded pod names its program and the argument in one word; so there must be a program of that name.
  if (program.includes(' ')) {
    const path = join(mounts, id, 'rootfs', program);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `#!/bin/sh\nexec ${program}\n`);
    chmodSync(path, 0o755);
  }
}

/** Whether the recorded sandbox gets its roots by the share. */
function hasShare(payload: Buffer): boolean {
  return grpc.CreateSandboxRequest.decode(payload).storages.some(({ source }) => source === SHARE_TAG);
}

/** The calls from one sandbox's creation, or what comes before it, to its end. */
function sandboxesOf(calls: readonly RecordedCall[]): RecordedCall[][] {
  const sandboxes: RecordedCall[][] = [];
  let current: RecordedCall[] = [];
  for (const call of calls) {
    current.push(call);
    if (call.method !== 'DestroySandbox') continue;
    sandboxes.push(current);
    current = [];
  }
  return sandboxes;
}

/** Replays one sandbox's life in a machine of its own. */
async function replay(id: string, calls: readonly RecordedCall[]): Promise<Replayer> {
  const machine = await startMachine(id, calls);
  try {
    const { client } = await connectAgent(machine.vsock, BOOT_TIMEOUT_MS, new AbortController().signal);
    const replayer = new Replayer(client);
    const place = { share: machine.share, scratch: (name: string) => machine.scratch(name) };
    for (const call of calls) {
      if (call.method === 'CreateContainer') await prepareContainer(place, call.payload);
      await replayer.play(call);
      if (call.method === 'UpdateRoutes') await expectNetwork(machine.vsock, calls);
      // This shim's machine gets its roots by other means; in ours, the share is mounted at that place.
      if (call.method === 'CreateSandbox' && !hasShare(call.payload)) {
        await guestOutput(machine.vsock, `mkdir -p ${GUEST_SHARE} && mount -t virtiofs ${SHARE_TAG} ${GUEST_SHARE}`);
      }
    }
    expect(await machine.waitForPowerOff(POWER_OFF_TIMEOUT_MS), 'the guest powers itself off').toBe(true);
    return replayer;
  } finally {
    await machine.release();
    expect(leftoversOf(id)).toEqual([]);
  }
}

/** Statuses of the first wait for each process, in their order, by scenario. */
function statuses(answers: readonly Answer[]): Record<string, number | string | undefined> {
  const seen = new Set<string>();
  const found: Record<string, number | string | undefined> = {};
  for (const { scenario, method, process, error, status } of answers) {
    if (method !== 'WaitProcess' || seen.has(process)) continue;
    seen.add(process);
    found[scenario] = error ?? status;
  }
  return found;
}

/** Every call that failed, but for second waits. */
function failures(answers: readonly Answer[]): string[] {
  const waited = new Set<string>();
  return answers.flatMap(({ scenario, method, process, error }) => {
    const isSecondWait = method === 'WaitProcess' && waited.has(process);
    if (method === 'WaitProcess') waited.add(process);
    if (error === undefined) return [];
    // The status was collected by the first one; the shim ignores the answer.
    if (error === 'ERR_NOT_FOUND' && isSecondWait) return [];
    return [`${scenario}: ${method}: ${error}`];
  });
}

interface Expected {
  /** Scenario -> status of the process that ended in it. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Scenario-independent texts that some process printed. */
  readonly texts: readonly (string | RegExp)[];
}

/** SIGTERM to a first process without a handler is a kill: 128 + 9. */
const KILLED = 137;

/** Short names for machines. */
const RECORDED_IDS: Readonly<Record<RecordingName, string>> = {
  'shim-3.5.0-remote': 'remote',
  'shim-3.5.0-cloud-hypervisor': 'clh',
  'shim-2.2.0-crio': 'crio',
};

const CASES: readonly [RecordingName, number, Expected][] = [
  ['shim-3.5.0-remote', 0, { statuses: { plain: 0 }, texts: ['hello\n'] }],
  // The recorded peer answered 7 to this echo; a real one ends with 0.
  ['shim-3.5.0-remote', 1, { statuses: { 'plain-exit7': 0 }, texts: ['fail\n'] }],
  ['shim-3.5.0-remote', 2, { statuses: { exec: 0, 'exec-fail': 0, kill: KILLED }, texts: ['from-exec\n', 'fail\n'] }],
  ['shim-3.5.0-cloud-hypervisor', 0, { statuses: { plain: 0 }, texts: ['hello\n'] }],
  ['shim-3.5.0-cloud-hypervisor', 1, { statuses: { net: 0 }, texts: ['net\n'] }],
  [
    'shim-2.2.0-crio',
    0,
    {
      statuses: {
        execsync: 0,
        'execsync-fail': 7,
        'exec-stream': 0,
        'exec-stdin': 0,
        'exec-uname': 0,
        stop: KILLED,
        stopp: KILLED,
      },
      texts: [/^[\d.]+ [\d.]+\n$/, 'fail\n', /console=ttyS0/, 'some input\n', /^\d+\.\d+\.\d+.*\n$/],
    },
  ],
];

describe('recorded calls in a guest', () => {
  it.each(CASES)('%s, sandbox %d', async (name, index, expected) => {
    const calls = sandboxesOf(readRecording(name))[index] ?? [];
    const { answers, outputs } = await replay(`tests-replay-${RECORDED_IDS[name]}-${index}`, calls);
    expect(failures(answers)).toEqual([]);
    expect(statuses(answers)).toEqual(expected.statuses);
    const printed = [...outputs.values()].filter((text) => text !== '');
    expect(printed).toHaveLength(expected.texts.length);
    for (const text of expected.texts) {
      expect(
        printed.some((each) => (typeof text === 'string' ? each === text : text.test(each))),
        String(text),
      ).toBe(true);
    }
    console.log(`replay: ${name}, sandbox ${index}: ${calls.length} recorded calls`);
  });
});
