/** `kata-sandbox demo`: shows that the container is in a machine of its own, with values read on both sides. */

import { readFileSync } from 'node:fs';
import { availableParallelism, release } from 'node:os';
import type { Command } from 'commander';
import { collector } from '../host/output.ts';
import { type ProcessInfo, processesNaming } from '../host/process-list.ts';
import { Sandbox } from '../host/sandbox.ts';
import { PHASES, type Timeline } from '../host/timeline.ts';
import { KataError } from '../wire/error.ts';
import { Interrupts } from './interrupts.ts';
import { rootOf } from './root-option.ts';
import { seconds, table } from './table.ts';

/** What is compared: a command for the container, and the same fact of the host. */
const FACTS: readonly { readonly command: string; readonly host: () => string }[] = [
  { command: 'cat /proc/uptime', host: () => readFileSync('/proc/uptime', 'utf8') },
  { command: 'cat /proc/cmdline', host: () => readFileSync('/proc/cmdline', 'utf8') },
  { command: 'grep -c ^processor /proc/cpuinfo', host: () => String(countProcessors()) },
  { command: 'uname -r', host: release },
];

/** Between the outputs of two commands; none of them prints a line of its own like it. */
const SEPARATOR = '--- next ---';
/** Columns of a text in the tables. */
const CELL_WIDTH = 60;

/** Adds the command to the program. */
export function addDemo(program: Command): void {
  program
    .command('demo')
    .description('Boots a sandbox and shows host and container side by side, its processes, and where the time went.')
    .action(async () => {
      const interrupts = new Interrupts();
      try {
        await demo(interrupts);
      } catch (error) {
        if (interrupts.status === undefined) throw error;
        process.exitCode = interrupts.status;
      }
    });
}

async function demo(interrupts: Interrupts): Promise<void> {
  const root = await rootOf({});
  print('Booting a sandbox ...');
  const sandbox = await Sandbox.boot({ signal: interrupts.signal, onAccelerator: print });
  try {
    const output = collector();
    const script = FACTS.map(({ command }) => command).join(`; echo '${SEPARATOR}'; `);
    const options = { root, command: ['/bin/sh', '-c', script] };
    const status = await sandbox.run(options, { stdout: output.sink, stderr: output.sink }, interrupts.signal);
    const answers = output.bytes().toString('utf8').split(`${SEPARATOR}\n`);
    if (status !== 0 || answers.length !== FACTS.length) {
      throw new KataError(
        'ERR_COMMAND',
        `the container ended with status ${status}: ${output.bytes().toString('utf8')}`,
      );
    }
    print('');
    printLines(
      table([['', 'HOST', 'CONTAINER'], ...FACTS.flatMap((fact, index) => comparison(fact, answers[index] ?? ''))]),
    );
    print('');
    printLines(processTable(sandbox));
  } finally {
    await sandbox.stop();
  }
  print('');
  printLines(timeTable(sandbox.timeline));
}

/** Rows of one fact: long values go on in further rows. */
function comparison({ command, host }: (typeof FACTS)[number], answer: string): string[][] {
  const [here, there] = [wrap(host().trim()), wrap(answer.trim())];
  const rows = Math.max(here.length, there.length);
  return Array.from({ length: rows }, (_, row) => [row === 0 ? command : '', here[row] ?? '', there[row] ?? '']);
}

/** The sandbox's processes as the host sees them, found by the sandbox's name, and what is process 1 inside. */
function processTable(sandbox: Sandbox): string[] {
  const agent = sandbox.details.agent_details;
  const rows = processesNaming(sandbox.id)
    .filter(({ pid }) => pid === sandbox.pids.qemu || pid === sandbox.pids.virtiofsd)
    .map((process: ProcessInfo) => [
      String(process.pid),
      process.name,
      `${(process.residentKiB / 1024).toFixed(0)} MiB`,
      shorten(process.arguments.join(' ')),
    ]);
  return [
    ...table([['PID', 'NAME', 'RSS', 'COMMAND'], ...rows]),
    `process 1 of the guest: ${agent?.init_daemon === true ? `kata-agent ${agent.version}` : 'not the agent'}`,
  ];
}

function timeTable(timeline: Timeline): string[] {
  let before = 0;
  const rows = PHASES.flatMap((phase) => {
    const at = timeline.at(phase);
    if (at === undefined) return [];
    const row = [phase, seconds(at), `+${seconds(at - before)}`];
    before = at;
    return [row];
  });
  return table([['PHASE', 'AT', 'TOOK'], ...rows]);
}

function countProcessors(): number {
  return readFileSync('/proc/cpuinfo', 'utf8').match(/^processor/gm)?.length ?? availableParallelism();
}

function wrap(text: string): string[] {
  const lines: string[] = [];
  for (let at = 0; at < text.length; at += CELL_WIDTH) lines.push(text.slice(at, at + CELL_WIDTH));
  return lines.length > 0 ? lines : [''];
}

function shorten(text: string): string {
  return text.length > CELL_WIDTH * 2 ? `${text.slice(0, CELL_WIDTH * 2)} ...` : text;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function printLines(lines: readonly string[]): void {
  for (const line of lines) print(line);
}
