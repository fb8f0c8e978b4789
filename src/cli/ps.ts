/** `kata-sandbox ps`: the sandboxes of this machine and their containers. */
import type { Command } from 'commander';
import { recordedContainers } from '../host/container-record.ts';
import { KeeperClient } from '../host/keeper/control-client.ts';
import { LostSandboxes } from '../host/keeper/lost-sandboxes.ts';
import type { ContainerInfo, SandboxInfo } from '../host/keeper/protocol.ts';
import { RUN_ROOT } from '../host/paths.ts';
import { liveStateDirectories, type StateDirectory } from '../host/state/state-dir.ts';
import { KataError } from '../wire/error.ts';
import { reporting } from './report.ts';
import { age, table } from './table.ts';

/** A keeper that does not answer so long is shown as such (ms). */
const ANSWER_TIMEOUT_MS = 2_000;
const COMMAND_WIDTH = 40;

/** What is known of a sandbox. */
type Sandbox =
  | { readonly is: 'kept'; readonly info: SandboxInfo }
  | { readonly is: 'lost'; readonly info: SandboxInfo; readonly error: string }
  /** It belongs to a command that runs, such as `run`, or its keeper does not answer. */
  | {
      readonly is: 'other';
      readonly id: string;
      readonly why: string;
      readonly qemuPid: number | undefined;
      readonly containers: readonly string[];
    };

/** Adds the command to the program. */
export function addPs(program: Command): void {
  program
    .command('ps')
    .description('Lists the sandboxes of this machine and their containers.')
    .option('--json', 'as JSON')
    .action(({ json = false }: { readonly json?: boolean }) => reporting(() => ps(json)));
}

async function ps(json: boolean): Promise<number> {
  const live = await Promise.all(liveStateDirectories(RUN_ROOT).map(look));
  const known = new Set(live.flatMap((each) => each ?? []).map(idOf));
  const lost = new LostSandboxes(RUN_ROOT)
    .all()
    .filter(({ info }) => !known.has(info.id))
    .map(({ info, error }): Sandbox => ({ is: 'lost', info, error: error.message.split('\n', 1)[0] ?? '' }));
  const all = [...live.flatMap((each) => each ?? []), ...lost].toSorted((a, b) => idOf(a).localeCompare(idOf(b), 'en'));
  const lines = json ? [JSON.stringify(all, undefined, 2)] : table([HEADINGS, ...all.flatMap(rowsOf)]);
  process.stdout.write(`${lines.join('\n')}\n`);
  return 0;
}

/** @returns undefined for a sandbox that went while we looked. */
async function look(state: StateDirectory): Promise<Sandbox | undefined> {
  try {
    return { is: 'kept', info: await new KeeperClient(state.id).info(ANSWER_TIMEOUT_MS) };
  } catch (error) {
    const { code } = KataError.from(error);
    const [id, qemuPid] = [state.id, state.pid('qemu')];
    try {
      const why = code === 'ERR_NOT_FOUND' ? 'running' : 'not answering';
      return { is: 'other', id, why, qemuPid, containers: recordedContainers(state.path) };
    } catch {
      return undefined;
    }
  }
}

const HEADINGS = ['SANDBOX', 'CONTAINER', 'STATE', 'PID', 'EXIT', 'AGE', 'COMMAND'];

function rowsOf(sandbox: Sandbox): string[][] {
  if (sandbox.is === 'other') {
    const { id, why, qemuPid, containers } = sandbox;
    const pid = qemuPid === undefined ? '-' : String(qemuPid);
    return orOne(containers).map((container) => [id, container, why, pid, '-', '-', '-']);
  }
  const { info } = sandbox;
  const pid = sandbox.is === 'lost' ? '-' : String(info.qemuPid);
  if (info.containers.length === 0)
    return [[info.id, '-', sandbox.is === 'lost' ? 'lost' : 'running', pid, '-', '-', '-']];
  return info.containers.map((container) => [info.id, ...containerCells(container, pid)]);
}

function containerCells({ id, state, command, createdAt }: ContainerInfo, pid: string): string[] {
  const exit = state.is === 'exited' ? String(state.status) : '-';
  const text = command.join(' ').replace(/[^\x20-\x7e]/g, '?');
  const shown = text.length > COMMAND_WIDTH ? `${text.slice(0, COMMAND_WIDTH - 3)}...` : text;
  return [id, state.is, pid, exit, age(Date.now() - createdAt), shown];
}

function orOne(containers: readonly string[]): readonly string[] {
  return containers.length > 0 ? containers : ['-'];
}

function idOf(sandbox: Sandbox): string {
  return sandbox.is === 'other' ? sandbox.id : sandbox.info.id;
}
