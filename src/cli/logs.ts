/** `kata-sandbox logs`: what a container has printed. */
import { type Command, InvalidArgumentError } from 'commander';
import { type LogEvent, readLog } from '../host/keeper/log-reader.ts';
import { LogTail } from '../host/keeper/log-tail.ts';
import { type LogPaths, logPaths } from '../host/keeper/log-writer.ts';
import { LostSandboxes } from '../host/keeper/lost-sandboxes.ts';
import { LOG_DIRECTORY } from '../host/keeper/protocol.ts';
import { sinkTo } from '../host/output.ts';
import { RUN_ROOT } from '../host/paths.ts';
import { StateDirectory } from '../host/state/state-dir.ts';
import { note, reporting } from './report.ts';
import { containerTarget, TARGET } from './target.ts';

interface LogFlags {
  readonly follow?: boolean;
  readonly tail?: number;
}

/** Adds the command to the program. */
export function addLogs(program: Command): void {
  program
    .command('logs')
    .summary('show what a container has printed')
    .description('Prints exactly what the container has printed: its output on ours, its errors on ours.')
    .argument(TARGET)
    .option('-f, --follow', 'go on until the program has ended')
    .option('--tail <n>', 'begin with the last n lines', parseLines)
    .action((target: string, flags: LogFlags) => reporting(() => logs(target, flags)));
}

async function logs(name: string, { follow = false, tail }: LogFlags): Promise<number> {
  const { sandbox, container } = containerTarget(name);
  const sinks = { stdout: sinkTo(process.stdout), stderr: sinkTo(process.stderr) };
  let last = tail === undefined ? undefined : new LogTail(tail);
  for await (const event of readLog(pathsOf(sandbox, container), follow)) {
    if (event.kind === 'missing') complainOf(event);
    else if (event.kind === 'caught up') {
      for (const piece of last?.take() ?? []) await sinks[piece.kind](piece.bytes);
      last = undefined;
    } else if (last === undefined) await sinks[event.kind](event.bytes);
    else last.push(event.kind, event.bytes);
  }
  return 0;
}

function complainOf({ count }: Extract<LogEvent, { kind: 'missing' }>): void {
  note(`${count} bytes of output are not in the log any more`);
}

function pathsOf(sandbox: string, container: string): LogPaths {
  const lost = new LostSandboxes(RUN_ROOT);
  const isLost = lost.get(sandbox) !== undefined;
  const directory = isLost ? lost.logDirectory(sandbox) : new StateDirectory(RUN_ROOT, sandbox).file(LOG_DIRECTORY);
  return logPaths(directory, container);
}

/** A whole number from 0. */
function parseLines(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 0.');
  return Number(text);
}
