/** A guest with version 1 of cgroups, and what a CreateSandbox can ask for beyond the share. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chooseAccelerator, findQemu } from '../../src/host/accelerator.ts';
import { type AgentConnection, connectAgent } from '../../src/host/agent-connection.ts';
import { findImage } from '../../src/host/image.ts';
import { HostMachine } from '../../src/host/machine.ts';
import { cacheRoot } from '../../src/host/paths.ts';
import { Sandbox } from '../../src/host/sandbox.ts';
import { findVirtiofsd } from '../../src/host/virtiofsd.ts';
import { leftoversOf } from './support/leftovers.ts';
import { busyboxRoot, shellIn } from './support/sandbox.ts';

const BOOT_TIMEOUT_MS = 120_000;
const POWER_OFF_TIMEOUT_MS = 60_000;

describe('a guest that is asked for cgroup version 1', () => {
  let sandbox: Sandbox;
  beforeAll(async () => {
    sandbox = await Sandbox.boot({ id: 'test-v1', kernelParameters: ['systemd.unified_cgroup_hierarchy=0'] });
  });
  afterAll(async () => {
    await sandbox.stop();
    expect(leftoversOf('test-v1')).toEqual([]);
  });

  it('has a hierarchy for each controller, and runs containers in them', async () => {
    const { code, stdout } = await shellIn(sandbox, 'cut -d: -f2 /proc/self/cgroup; exit 3');
    expect(code).toBe(3);
    const controllers = stdout.toString().trim().split('\n');
    expect(controllers).toEqual(expect.arrayContaining(['memory', 'pids', 'freezer', 'devices', 'cpu']));
  });

  it('kills the whole container, children that ignore signals among them', async () => {
    const script = "trap '' TERM; for i in 1 2 3; do (trap '' TERM; sleep 1000) & done; wait";
    const container = await sandbox.createContainer({
      root: await busyboxRoot(),
      command: ['/bin/sh', '-c', script],
    });
    await container.start();
    const ended = container.init.wait();
    // Some children should be there; the kill must be right at any moment.
    await delay(200);
    await container.signal(9);
    expect(await ended).toBe(137);
    await container.remove();
  });
});

describe('CreateSandbox', () => {
  let machine: HostMachine;
  let agent: AgentConnection;
  beforeAll(async () => {
    const image = findImage();
    const qemu = await findQemu();
    const { accelerator } = await chooseAccelerator(qemu, image, cacheRoot());
    machine = await HostMachine.start({
      ...{ id: 'test-create', cpus: 1, memoryMiB: 256, image, qemu, accelerator, virtiofsd: await findVirtiofsd() },
      kernelParameters: [],
      onConsoleLine: () => {},
    });
    agent = await connectAgent(machine.vsock, BOOT_TIMEOUT_MS, new AbortController().signal);
  });
  afterAll(async () => {
    await machine.release();
    expect(leftoversOf('test-create')).toEqual([]);
  });

  it('names a kernel module that there is not, and can be asked again', async () => {
    const { calls } = agent;
    const wrong = calls.agent.CreateSandbox({
      sandbox_id: 'test-create',
      kernel_modules: [{ name: 'no_such_module' }],
    });
    await expect(wrong).rejects.toMatchObject({ status: 13, message: expect.stringContaining('no_such_module') });
    expect(await calls.health.Check({})).toMatchObject({ status: 1 });
  });

  it('loads modules with their parameters, takes name servers, and a hooks directory that does not exist', async () => {
    await agent.calls.agent.CreateSandbox({
      sandbox_id: 'test-create',
      hostname: 'created',
      kernel_modules: [{ name: 'dummy', parameters: ['numdummies=2'] }],
      dns: ['nameserver 192.0.2.1', 'search example.org'],
      guest_hook_path: '/no/such/directory',
    });
    const details = await agent.calls.agent.GetGuestDetails({});
    expect(details.agent_details?.storage_handlers).toEqual(
      expect.arrayContaining(['virtio-fs', 'ephemeral', 'local']),
    );
  });

  it('is refused the second time, and the sandbox goes on', async () => {
    await expect(agent.calls.agent.CreateSandbox({ sandbox_id: 'other' })).rejects.toMatchObject({ status: 9 });
    expect(await agent.calls.health.Check({})).toMatchObject({ status: 1 });
  });

  it('is undone by DestroySandbox, which powers the machine off', async () => {
    await agent.calls.agent.DestroySandbox({});
    expect(await machine.waitForPowerOff(POWER_OFF_TIMEOUT_MS)).toBe(true);
    expect(machine.consoleLines().join('\n')).not.toMatch(/Kernel panic/);
  });
});
