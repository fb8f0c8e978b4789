/** Starts a process in a container that runs. */
import { KataError } from '../../wire/error.ts';
import type { ExecPlan, ExecTarget, StartedExec } from '../exec/starter.ts';
import { sendSignal } from '../process/send-signal.ts';
import type { AgentRuntime } from '../runtime.ts';
import { type ProcessIo, pipeIo, terminalIo } from '../stream/process-io.ts';
import { closeAgentEnds, closeChildEnds, openStdioPipes, type StdioPipes } from '../stream/stdio.ts';
import { SIGKILL } from './sigterm.ts';

/** A process that runs, and the agent's ends of its streams, which are the caller's. */
export interface StreamedExec extends Pick<StartedExec, 'pid' | 'ended'> {
  readonly io: ProcessIo;
}

type Runtime = Pick<AgentRuntime, 'exec' | 'config'>;

async function startWithPipes({ exec, config }: Runtime, target: ExecTarget, plan: ExecPlan): Promise<StreamedExec> {
  // The starter gives them to the process's user, whom it alone may know.
  const pipes: StdioPipes = openStdioPipes(config.containerPipeSize, 0);
  try {
    const { pid, ended } = await exec.start({ target, plan, stdio: pipes.child });
    return { pid, ended, io: pipeIo(pipes) };
  } catch (error) {
    closeAgentEnds(pipes);
    throw error;
  } finally {
    closeChildEnds(pipes);
  }
}

async function startWithTerminal({ exec }: Runtime, target: ExecTarget, plan: ExecPlan): Promise<StreamedExec> {
  const { pid, ended, master } = await exec.start({ target, plan, stdio: undefined });
  try {
    if (master === undefined) throw new KataError('ERR_INTERNAL', 'the process was started without its terminal');
    return { pid, ended, io: terminalIo(master) };
  } catch (error) {
    sendSignal(pid, SIGKILL);
    throw error;
  }
}

/**
 * Starts it, with pipes or with a terminal as its plan says.
 * @throws KataError as ExecStarter.start; nothing of it is left then.
 */
export function startExec(runtime: Runtime, target: ExecTarget, plan: ExecPlan): Promise<StreamedExec> {
  return plan.terminal === undefined ? startWithPipes(runtime, target, plan) : startWithTerminal(runtime, target, plan);
}
