/**
 * How long an exec takes, from the request to the exit status, beside other ways to run a program in the same guest. All
 * run `true` of busybox, in turn, in one machine and one run.
 *
 * usage: npm run bench -- exec [ROUNDS]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Container } from '../src/host/container.ts';
import { findImage } from '../src/host/image.ts';
import { GUEST_SHARE } from '../src/host/share.ts';
import { KataError } from '../src/wire/error.ts';
import { BenchPort } from '../test/integration/guest/bench-ports.ts';
import { createRaw, execIn, type ProcessRef } from '../test/integration/support/exec.ts';
import { readUntilEmpty } from '../test/integration/support/shim-readers.ts';
import { quantile } from '../test/integration/support/soak.ts';
import { type BenchGuest, carryProgram, connectTo, startBenchGuest, startInGuest } from './support/bench-guest.ts';
import { describeMachine, markdownTable, writeSection } from './support/document.ts';
import { LineClient } from './support/line-client.ts';
import { startNativeAgent } from './support/native-agent.ts';
import { startSsh } from './support/ssh.ts';

const DEFAULT_ROUNDS = 100;
/** So many times in a row each party has its turn: what a thing costs among others of its kind. */
const ROUNDS_A_TURN = 10;
/** Pause between two questions whether a program of the QEMU guest agent has ended: it does not tell by itself (ms). */
const POLL_INTERVAL_MS = 1;
/** The agent starts programs of such a container by the runtime: they could look into a child of the agent. */
const RUNTIME_CAPABILITY = 'CAP_SYS_PTRACE';

/** One way to run a program. */
interface Party {
  readonly name: string;
  /** Runs it once. @returns the time (ms) where the guest has measured it; else it is measured here. */
  run(): Promise<number | undefined>;
}

/** Parties that could not take part, and why. */
const absent: string[] = [];

async function execOnce(container: Container, streams: 'passfd' | 'unary'): Promise<undefined> {
  const { code } = await execIn(container, ['true'], { streams });
  if (code !== 0) throw new Error(`true ended with ${code}`);
}

/** An exec as the shim makes it, in a container that the harness has not made. */
async function unaryExec(guest: BenchGuest, ref: ProcessRef): Promise<undefined> {
  const { calls } = guest.sandbox;
  const { agent } = calls;
  const process = { User: {}, Args: ['true'], Env: ['PATH=/bin'], Cwd: '/' };
  await agent.ExecProcess({ ...ref, process });
  await Promise.all([readUntilEmpty(calls, ref, 'ReadStdout'), readUntilEmpty(calls, ref, 'ReadStderr')]);
  const { status } = await agent.WaitProcess(ref);
  if (status !== 0) throw new Error(`true ended with ${status}`);
}

/** A container in which the agent leaves execs to the runtime. */
async function runtimeParty(guest: BenchGuest): Promise<Party> {
  const id = 'by-runtime';
  const ref = await createRaw(guest, {
    id,
    args: ['sleep', '1000000'],
    change: ({ Process: process }) => {
      const { Bounding, Effective, Permitted } = process?.Capabilities ?? {};
      for (const set of new Set([Bounding, Effective, Permitted])) set?.push(RUNTIME_CAPABILITY);
    },
  });
  await guest.sandbox.calls.agent.StartContainer(ref);
  let turn = 0;
  return {
    name: 'agent, runtime, unary',
    run: () => {
      turn += 1;
      return unaryExec(guest, { container_id: id, exec_id: `exec-${turn}` });
    },
  };
}

/** Programs that the peer starts by itself, in the guest. */
async function peerParties(guest: BenchGuest): Promise<Party[]> {
  const client = LineClient.on(await connectTo(guest, BenchPort.RUN));
  const runInPeer = async (argv: readonly string[]): Promise<number> => Number(await client.ask(JSON.stringify(argv)));
  const crun = ['--root', '/run/crun', '--cgroup-manager=cgroupfs', 'exec', guest.container.id, '/bin/true'];
  const program = `${GUEST_SHARE}/${guest.container.id}/rootfs/bin/busybox`;
  return [
    { name: 'bare `crun exec` in the guest', run: () => runInPeer(['/usr/bin/crun', ...crun]) },
    { name: 'bare `posix_spawn` in the guest', run: () => runInPeer([program, 'true']) },
  ];
}

/** The QEMU guest agent: a request starts the program, and others ask for its end. */
async function guestAgentParty(guest: BenchGuest): Promise<Party | undefined> {
  const command = await carryProgram(guest, 'qemu-ga', ['/usr/sbin/qemu-ga', '/usr/bin/qemu-ga']);
  if (command === undefined) {
    absent.push('qemu-guest-agent: this machine has no qemu-ga (package qemu-guest-agent)');
    return undefined;
  }
  const address = `4294967295:${BenchPort.QEMU_GUEST_AGENT}`;
  await startInGuest(guest, `${command} -m vsock-listen -p ${address} -t /tmp`, 'qemu-ga');
  const client = LineClient.on(await connectRepeatedly(guest, BenchPort.QEMU_GUEST_AGENT));
  const call = async (execute: string, fields: object): Promise<Readonly<Record<string, unknown>>> => {
    const answer: unknown = JSON.parse(await client.ask(JSON.stringify({ execute, arguments: fields })));
    // Reason for the cast: the guest agent answers {"return": {...}} or {"error": ...}; a missing one fails below.
    return (answer as { return: Readonly<Record<string, unknown>> }).return;
  };
  return {
    name: 'qemu-guest-agent, polled',
    run: async () => {
      const { pid } = await call('guest-exec', { path: '/usr/bin/true', 'capture-output': true });
      while ((await call('guest-exec-status', { pid }))['exited'] !== true) {
        await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL_MS));
      }
      return undefined;
    },
  };
}

async function connectRepeatedly(guest: BenchGuest, port: number): ReturnType<typeof connectTo> {
  for (let left = 50; ; left -= 1) {
    try {
      return await connectTo(guest, port);
    } catch (error) {
      if (left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

async function allParties(guest: BenchGuest, directory: string): Promise<{ parties: Party[]; stop(): Promise<void> }> {
  const { container, sandbox } = guest;
  const parties: Party[] = [
    { name: 'agent, launcher, passfd', run: () => execOnce(container, 'passfd') },
    { name: 'agent, launcher, unary', run: () => execOnce(container, 'unary') },
    await runtimeParty(guest),
    ...(await peerParties(guest)),
    { name: 'one call there and back (Check)', run: async () => void (await sandbox.calls.health.Check()) },
  ];
  try {
    const guestAgent = await guestAgentParty(guest);
    if (guestAgent !== undefined) parties.push(guestAgent);
  } catch (error) {
    absent.push(`qemu-guest-agent: ${KataError.from(error).message}`);
  }
  const ssh = await startSsh(guest, directory).catch((error: unknown) => KataError.from(error).message);
  if (typeof ssh === 'string') {
    absent.push(`ssh to dropbear: ${ssh}`);
    return { parties, stop: () => Promise.resolve() };
  }
  parties.push(
    { name: 'ssh to dropbear, kept connection', run: async () => void (await ssh.kept()) },
    { name: 'ssh to dropbear, new connection', run: async () => void (await ssh.fresh()) },
  );
  return { parties, stop: () => ssh.stop() };
}

/** The parties by turns, so that what disturbs the machine disturbs all. */
async function measure(parties: readonly Party[], rounds: number): Promise<Map<string, number[]>> {
  const times = new Map<string, number[]>(parties.map(({ name }) => [name, []]));
  for (let done = 0; done < rounds; done += ROUNDS_A_TURN) {
    for (const { name, run } of parties) {
      // The first of a turn finds the caches full of what the others did.
      await run();
      for (let left = Math.min(ROUNDS_A_TURN, rounds - done); left > 0; left -= 1) {
        const began = performance.now();
        const told = await run();
        times.get(name)?.push(told ?? performance.now() - began);
      }
    }
  }
  return times;
}

function tableOf(times: ReadonlyMap<string, number[]>): string {
  const values = [...times.values()];
  const unit = quantile(values[0] ?? [], 0.5);
  const rows = [...times].map(([name, list]) => [
    name,
    ...[0.5, 0.95, 0.99].map((p) => quantile(list, p).toFixed(2)),
    (quantile(list, 0.5) / unit).toFixed(2),
  ]);
  return markdownTable(['one exec (ms)', 'p50', 'p95', 'p99', 'p50 / first'], rows);
}

/** The second table, of an agent that is a process of this machine. */
async function measureNatively(rounds: number): Promise<string> {
  const { parties, stop } = await startNativeAgent();
  try {
    return tableOf(await measure(parties, rounds));
  } finally {
    await stop();
  }
}

async function main(rounds: number): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'kata-bench-ssh-'));
  const guest = await startBenchGuest('tests-bench-exec');
  try {
    const { parties, stop } = await allParties(guest, directory);
    const times = await measure(parties, rounds);
    await stop();
    await guest.stop();
    const natively = await measureNatively(rounds);
    const section = `## exec

From the request to the exit status with both outputs at their end, ${rounds} rounds, the parties by turns of ${ROUNDS_A_TURN} in
one machine. The two bare ones are timed in the guest, by a Node program beside the agent, and so without any call from the
host; all others on the host. The program lies in the share, as images do, for all but the QEMU guest agent and dropbear:
those run it in the guest itself, in no container. The QEMU guest agent is asked every millisecond whether the program has
ended. An ssh is a client process of its own on the host.

- machine: ${describeMachine()}
- accelerator: ${guest.accelerator}; guest kernel ${findImage().kernelVersion}, one vCPU
- date: ${new Date().toISOString().slice(0, 10)}
${absent.map((why) => `- did not take part: ${why.trim().replaceAll('\n', '; ')}\n`).join('')}
${tableOf(times)}

The same without a virtual machine, the agent being a process of this machine: nothing is emulated, as under KVM. Here the
two bare ones are run by a Node program in the agent's mount namespace, and all run busybox's shell with nothing to do.

${natively}
`;
    process.stdout.write(section);
    writeSection('exec', section);
  } finally {
    await guest.stop();
    rmSync(directory, { recursive: true });
  }
}

const [rounds = String(DEFAULT_ROUNDS)] = process.argv.slice(2);
if (!/^[1-9]\d*$/.test(rounds)) {
  process.stderr.write(`usage: npm run bench -- exec [ROUNDS], not ${JSON.stringify(rounds)}\n`);
  process.exitCode = 2;
} else {
  await main(Number(rounds));
}
