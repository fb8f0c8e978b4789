/** Makes the first process of a container, with pipes or with a terminal. */
import { closeSync, openSync } from 'node:fs';
import { fstypeAt, readMountTable } from '../boot/mount-table.ts';
import { sendSignal } from '../process/send-signal.ts';
import type { AgentRuntime } from '../runtime.ts';
import { pipeIo, terminalIo } from '../stream/process-io.ts';
import { closeAgentEnds, closeChildEnds, openStdioPipes } from '../stream/stdio.ts';
import { ConsoleSocket } from './console-socket.ts';
import { type CrunCreate, crunCreate } from './crun.ts';
import type { StreamedExec } from './exec-start.ts';
import { SIGKILL } from './sigterm.ts';

/** What it is made of. */
export interface InitPlan {
  readonly id: string;
  /** Who owns its pipes; a terminal is given to the specification's user by the runtime. */
  readonly uid: number;
  /** The program, for messages. */
  readonly program: string;
  readonly terminal: boolean;
}

type Runtime = Pick<AgentRuntime, 'reaper' | 'config'>;
type Create = Omit<CrunCreate, 'stdio' | 'consoleSocket'>;

async function makeWithPipes({ reaper, config }: Runtime, create: Create, uid: number): Promise<StreamedExec> {
  const pipes = openStdioPipes(config.containerPipeSize, uid);
  try {
    const made = await crunCreate(reaper, { ...create, stdio: pipes.child, consoleSocket: undefined });
    return { ...made, io: pipeIo(pipes) };
  } catch (error) {
    closeAgentEnds(pipes);
    throw error;
  } finally {
    closeChildEnds(pipes);
  }
}

async function makeWithTerminal({ reaper }: Runtime, create: Create): Promise<StreamedExec> {
  const socket = await ConsoleSocket.listen();
  const nothing = openSync('/dev/null', 'r+');
  try {
    const stdio = [nothing, nothing, nothing] as const;
    const made = await crunCreate(reaper, { ...create, stdio, consoleSocket: socket.path });
    try {
      return { ...made, io: terminalIo(await socket.take()) };
    } catch (error) {
      sendSignal(made.pid, SIGKILL);
      throw error;
    }
  } finally {
    closeSync(nothing);
    socket.close();
  }
}

/**
 * Makes it, up to the execution of its program.
 * @param bundle directory with `config.json`.
 * @throws KataError as crunCreate; ERR_SYSCALL. What was made by then is the caller's to remove.
 */
export function makeInit(runtime: Runtime, plan: InitPlan, bundle: string): Promise<StreamedExec> {
  const { id, program, uid, terminal } = plan;
  const create = { id, program, bundle, noPivot: fstypeAt(readMountTable(), '/') === 'rootfs' };
  return terminal ? makeWithTerminal(runtime, create) : makeWithPipes(runtime, create, uid);
}
