/**
 * How long a sandbox takes to start, phase by phase, against its floor: the same machine, kernel, initrd and root, with
 * busybox's shell as init in the place of the agent. Both are booted in turn by the same harness, so the time that QEMU,
 * virtiofsd and the vsock device take is in both.
 *
 * usage: npm run bench -- boot [ROUNDS]
 */
import { findImage } from '../src/host/image.ts';
import { busyboxImage } from '../src/host/image-store/busybox.ts';
import type { RootImage } from '../src/host/image-store/root-image.ts';
import { collector } from '../src/host/output.ts';
import { cacheRoot } from '../src/host/paths.ts';
import { Sandbox } from '../src/host/sandbox.ts';
import type { Phase } from '../src/host/timeline.ts';
import { KataError } from '../src/wire/error.ts';
import { describeMachine, markdownTable, writeSection } from './support/document.ts';

const DEFAULT_ROUNDS = 7;

/** Makes the initrd say on the console when it has reached a step. */
const TELL_STEPS = 'kata.boot_times';

/** What the floor's init says, and then it powers off. */
const FLOOR_WORD = 'busybox-is-init';
const FLOOR_INIT = ['init=/bin/sh', '--', '-c', `"echo ${FLOOR_WORD}; poweroff -f"`];

/** Lines of the console that are milestones, with what they mean. */
const CONSOLE_MARKS: ReadonlyMap<string, string> = new Map([
  ['kata initrd: started', 'initrd runs'],
  ['kata initrd: root mounted', 'root mounted'],
  [FLOOR_WORD, 'init runs'],
]);

/** Milestones of the harness that count, with what they mean. */
const PHASE_MARKS: ReadonlyMap<Phase, string> = new Map<Phase, string>([
  ['agent ready', 'agent answers its first call'],
  ['sandbox created', 'sandbox created'],
  ['container created', 'container created'],
  ['first byte', "first byte of the container's output"],
]);

/** Milestone -> milliseconds from QEMU's start. */
type Marks = Map<string, number>;

/** Collects milestones; the clock starts when QEMU does. */
class Watch {
  readonly marks: Marks = new Map();
  #zero = 0;

  readonly onPhase = (phase: Phase): void => {
    if (phase === 'machine started') this.#zero = performance.now();
    const name = PHASE_MARKS.get(phase);
    if (name !== undefined) this.#reach(name);
  };

  readonly onConsoleLine = (line: string): void => {
    const name = CONSOLE_MARKS.get(line.trim());
    if (name !== undefined) this.#reach(name);
  };

  #reach(name: string): void {
    if (!this.marks.has(name)) this.marks.set(name, performance.now() - this.#zero);
  }
}

/** Boots the agent and runs a program that prints a word. */
async function bootAgent(image: RootImage, onAccelerator: (line: string) => void): Promise<Marks> {
  const watch = new Watch();
  const sandbox = await Sandbox.boot({ ...watch, kernelParameters: [TELL_STEPS], onAccelerator });
  try {
    const output = collector();
    const streams = { stdout: output.sink, stderr: output.sink };
    await sandbox.run({ root: { kind: 'image', image }, command: ['echo', 'hello'] }, streams);
    const said = output.bytes().toString();
    if (said !== 'hello\n') throw new KataError('ERR_INTERNAL', `the container printed ${JSON.stringify(said)}`);
  } finally {
    await sandbox.stop();
  }
  return watch.marks;
}

/** Boots busybox, which powers off: to the harness a boot that failed. */
async function bootFloor(): Promise<Marks> {
  const watch = new Watch();
  try {
    const sandbox = await Sandbox.boot({ ...watch, kernelParameters: [TELL_STEPS, ...FLOOR_INIT] });
    await sandbox.kill();
  } catch (error) {
    if (!watch.marks.has('init runs')) throw error;
    return watch.marks;
  }
  throw new KataError('ERR_INTERNAL', 'an agent answered where busybox was init');
}

function numbers(rounds: readonly Marks[], name: string): number[] {
  return rounds.flatMap((marks) => marks.get(name) ?? []).toSorted((a, b) => a - b);
}

function median(sorted: readonly number[]): number {
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Rows of the table; a phase that the floor has not is held against the floor's init, its last milestone. */
function rows(agent: readonly Marks[], floor: readonly Marks[]): string[][] {
  const last = numbers(floor, 'init runs');
  return [...CONSOLE_MARKS.values(), ...PHASE_MARKS.values()].map((name) => {
    const [own, base] = [numbers(agent, name), numbers(floor, name)];
    const cell = (sorted: readonly number[]): string =>
      sorted.length === 0 ? '' : `${Math.round(sorted[0] ?? 0)} / ${Math.round(median(sorted))}`;
    const ratio = own.length === 0 ? '' : (median(own) / median(base.length > 0 ? base : last)).toFixed(2);
    return [name, cell(own), cell(base), ratio];
  });
}

async function main(rounds: number): Promise<void> {
  const image = await busyboxImage(`${cacheRoot()}/images`);
  const { kernelVersion } = findImage();
  let accelerator = '';
  const agent: Marks[] = [];
  const floor: Marks[] = [];
  for (let round = 1; round <= rounds; round++) {
    process.stderr.write(`round ${round} of ${rounds}\n`);
    floor.push(await bootFloor());
    const marks = await bootAgent(image, (line) => {
      accelerator = line;
    });
    agent.push(marks);
  }
  const section = `## boot

From QEMU's start, in ms: fewest / median of ${rounds} rounds, agent and floor in turn. The floor is the same machine,
kernel, initrd and root with busybox's shell as init; milestones that it has not are held against its \`init runs\`.

- machine: ${describeMachine()}
- ${accelerator.split(' (', 1)[0]}, guest kernel ${kernelVersion}, one vCPU, 256 MiB
- date: ${new Date().toISOString().slice(0, 10)}

${markdownTable(['milestone', 'agent', 'floor', 'ratio'], rows(agent, floor))}
`;
  process.stdout.write(section);
  writeSection('boot', section);
}

const [rounds = String(DEFAULT_ROUNDS)] = process.argv.slice(2);
if (!/^[1-9]\d*$/.test(rounds)) {
  process.stderr.write(`usage: npm run bench -- boot [ROUNDS], not ${JSON.stringify(rounds)}\n`);
  process.exitCode = 2;
} else {
  await main(Number(rounds));
}
