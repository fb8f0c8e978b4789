/**
 * Agents side by side: the same guest with one or the other as its first process, driven by the shim's own calls, by turns.
 *
 * usage: npm run bench -- agents [ROUNDS] [--agent FILE]...
 */
import { basename, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { buildForeignImage } from '../build/guest/image.ts';
import { findQemu } from '../src/host/accelerator.ts';
import { bootAgent } from '../src/host/boot.ts';
import { AGENT_KERNEL_PARAMETERS } from '../src/host/conformance/agent-source.ts';
import type { ContainerUnderTest } from '../src/host/conformance/container-under-test.ts';
import { Scene } from '../src/host/conformance/scene.ts';
import { Session } from '../src/host/conformance/session.ts';
import { findImage, type GuestImage } from '../src/host/image.ts';
import { Timeline } from '../src/host/timeline.ts';
import { quantile } from '../test/integration/support/soak.ts';
import { describeMachine, markdownTable, writeSection } from './support/document.ts';

const DEFAULT_ROUNDS = 3;
const EXECS_A_ROUND = 40;
/** The first ones find nothing in any cache. */
const WARM_UP_EXECS = 5;
const STREAM_MIB = 64;
const READ_BYTES = 32 * 1024;
const OPEN_TIMEOUT_MS = 60_000;

/** One agent, and what was measured of it. */
interface Party {
  readonly name: string;
  readonly image: GuestImage;
  version: string;
  /** From QEMU's start to the answer of the first Check (ms). */
  readonly boots: number[];
  /** From CreateContainer to the removal of a container that runs `true` (ms). */
  readonly lives: number[];
  readonly execs: number[];
  /** MB/s. */
  readonly streams: number[];
  /** Of the agent's process, after all of that (MiB): resident, and the part of it that is from no file. */
  readonly resident: number[];
  readonly anonymous: number[];
}

let accelerator = '';

async function round(party: Party): Promise<void> {
  const timeline = new Timeline();
  const { machine, connection } = await bootAgent(
    {
      image: party.image,
      kernelParameters: AGENT_KERNEL_PARAMETERS,
      onAccelerator: (line) => {
        accelerator = line.replace('accelerator: ', '');
      },
    },
    timeline,
  );
  connection.client.close();
  try {
    party.boots.push((timeline.at('agent ready') ?? Number.NaN) - (timeline.at('machine started') ?? Number.NaN));
    const session = await Session.open(machine.vsock, OPEN_TIMEOUT_MS);
    party.version = session.version;
    // The signs of life are no part of what is measured.
    session.endPulse();
    const scene = new Scene(session, 'bench', new AbortController().signal);
    await measure(party, scene);
    session.close();
  } finally {
    await machine.release();
  }
}

async function measure(party: Party, scene: Scene): Promise<void> {
  const container = await scene.idle();
  for (let turn = 0; turn < WARM_UP_EXECS; turn += 1) await execOnce(container);
  for (let turn = 0; turn < EXECS_A_ROUND; turn += 1) party.execs.push(await timed(() => execOnce(container)));
  for (let turn = 0; turn < WARM_UP_EXECS; turn += 1) party.lives.push(await timed(() => lifeOnce(scene)));
  const ms = await timed(() => streamOnce(container));
  party.streams.push((STREAM_MIB * 2 ** 20) / 1e6 / (ms / 1000));
  const memory = await agentMemory(scene);
  party.resident.push(memory.resident);
  party.anonymous.push(memory.anonymous);
}

async function timed(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

async function execOnce(container: ContainerUnderTest): Promise<void> {
  const process = await container.exec({ args: ['true'] });
  const { code } = await process.toEnd();
  if (code !== 0) throw new Error(`true ended with ${code}`);
}

async function lifeOnce(scene: Scene): Promise<void> {
  const container = await scene.start({ args: ['true'] });
  await container.init.toEnd();
  await container.remove();
}

async function streamOnce(container: ContainerUnderTest): Promise<void> {
  const process = await container.exec({ args: ['dd', 'if=/dev/zero', 'bs=64k', `count=${STREAM_MIB * 16}`] });
  const errors = process.readToEnd('ReadStderr');
  let bytes = 0;
  for (;;) {
    const { length } = await process.read('ReadStdout', READ_BYTES);
    if (length === 0) break;
    bytes += length;
  }
  await errors;
  await process.wait();
  if (bytes !== STREAM_MIB * 2 ** 20) throw new Error(`${bytes} bytes came`);
}

/** Read from the guest's own /proc, which a container sees that has it mounted. */
async function agentMemory(scene: Scene): Promise<{ resident: number; anonymous: number }> {
  const container = await scene.start({
    args: ['cat', '/data/1/smaps_rollup'],
    change: (_request, spec) => {
      spec.Mounts?.push({ source: '/proc', destination: '/data', type: 'bind', options: ['rbind', 'ro'] });
      const capabilities = spec.Process?.Capabilities;
      for (const set of new Set([capabilities?.Bounding, capabilities?.Effective, capabilities?.Permitted])) {
        set?.push('CAP_SYS_PTRACE');
      }
    },
  });
  const text = (await container.init.toEnd()).stdout.toString();
  const mebibytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]) / 1024;
  return { resident: mebibytes('Rss'), anonymous: mebibytes('Anonymous') };
}

function party(name: string, image: GuestImage): Party {
  return { name, image, version: '', boots: [], lives: [], execs: [], streams: [], resident: [], anonymous: [] };
}

function tableOf(parties: readonly Party[]): string {
  const figures: readonly (readonly [string, (one: Party) => number, number])[] = [
    ['boot to the first Check (ms)', ({ boots }) => quantile(boots, 0.5), 0],
    ['life of a container that runs `true` (ms)', ({ lives }) => quantile(lives, 0.5), 0],
    ['exec of `true`, p50 (ms)', ({ execs }) => quantile(execs, 0.5), 1],
    ['exec of `true`, p95 (ms)', ({ execs }) => quantile(execs, 0.95), 1],
    [`${STREAM_MIB} MiB of output by reads of 32 KiB (MB/s)`, ({ streams }) => quantile(streams, 0.5), 1],
    ["agent's memory, resident (MiB)", ({ resident }) => quantile(resident, 0.5), 1],
    ["agent's memory, from no file (MiB)", ({ anonymous }) => quantile(anonymous, 0.5), 1],
  ];
  const [first] = parties;
  const head = ['median', ...parties.map(({ name, version }) => `${name} ${version}`)];
  const ratios = parties.slice(1);
  const rows = figures.map(([what, value, digits]) => [
    what,
    ...parties.map((one) => value(one).toFixed(digits)),
    ...ratios.map((one) => (first === undefined ? '' : (value(first) / value(one)).toFixed(2))),
  ]);
  return markdownTable([...head, ...ratios.map(({ name }) => `${first?.name} / ${name}`)], rows);
}

async function main(rounds: number, files: readonly string[]): Promise<void> {
  const parties = [party('ours', findImage())];
  for (const file of files) {
    const image = await buildForeignImage({ agent: resolve(file), log: () => {} });
    parties.push(party(basename(file), image));
  }
  for (let turn = 0; turn < rounds; turn += 1) {
    // Who comes first changes, so that what grows or shrinks with time falls on all alike.
    for (const one of turn % 2 === 0 ? parties : parties.toReversed()) await round(one);
  }
  const section = `## agents

Each agent as the first process of the same guest, booted anew each round; ${rounds} rounds, the agents by turns. In each, after
${WARM_UP_EXECS} that do not count, ${EXECS_A_ROUND} execs, one after the other, from ExecProcess to the exit status with both outputs read to their
ends; ${WARM_UP_EXECS} containers from CreateContainer to RemoveContainer; one stream. All by the calls of the shim on one connection, with
nothing beside. Memory is that of process 1 at the end, by its smaps_rollup; what is from files can be dropped and read again.

- machine: ${describeMachine()}
- accelerator: ${accelerator}; ${(await findQemu()).version}; guest kernel ${findImage().kernelVersion}, one vCPU, 256 MiB
- date: ${new Date().toISOString().slice(0, 10)}

${tableOf(parties)}
`;
  process.stdout.write(section);
  writeSection('agents', section);
}

const { values, positionals } = parseArgs({
  options: { agent: { type: 'string', multiple: true, default: [] } },
  allowPositionals: true,
});
const [rounds = String(DEFAULT_ROUNDS), ...rest] = positionals;
if (!/^[1-9]\d*$/.test(rounds) || rest.length > 0) {
  process.stderr.write('usage: npm run bench -- agents [ROUNDS] [--agent FILE]...\n');
  process.exitCode = 2;
} else {
  await main(Number(rounds), values.agent);
}
