/** Who starts a process: a thread of the agent, or the runtime. */
import type { Logger } from '../log/logger.ts';
import type { Reaper } from '../process/reaper.ts';
import { EXEC_GATES } from '../sandbox/paths.ts';
import { CrunExec } from './crun-exec.ts';
import { canTrace } from './exec-plan.ts';
import { ExecLauncher } from './launcher.ts';
import type { ExecPlan, ExecRequest, ExecStarter, StartedExec } from './starter.ts';

/** What the choice is between, and by. */
export interface ExecChoiceParts {
  readonly launcher: Pick<ExecLauncher, 'obstacle' | 'start' | 'prewarm' | 'close'>;
  readonly runtime: ExecStarter;
  readonly logger: Logger;
  /** Whether the configuration allows the launcher. */
  readonly enabled: boolean;
}

/** Starts each process by the launcher where a thread can do it, and now; else by the runtime. */
export class ExecChoice implements ExecStarter {
  readonly #parts: ExecChoiceParts;

  constructor(parts: ExecChoiceParts) {
    this.#parts = parts;
  }

  /** Why a process is the runtime's; undefined where the launcher starts it. */
  reason({ target, plan }: ExecRequest): string | undefined {
    const { enabled, launcher } = this.#parts;
    if (!enabled) return 'the launcher is switched off';
    if (target.runtimeOnly !== undefined) return target.runtimeOnly;
    // A child shares the agent's memory until it executes its program.
    if (canTrace(plan.capabilities)) return 'it may look into other processes';
    return launcher.obstacle(plan);
  }

  /** Gets ready for processes like this one, in the background: after the first container has started. */
  prewarm(plan: Pick<ExecPlan, 'capabilities' | 'noNewPrivileges'>): void {
    const { enabled, launcher } = this.#parts;
    if (enabled && !canTrace(plan.capabilities)) void launcher.prewarm(plan);
  }

  /** Ends the launcher's threads. */
  close(): void {
    this.#parts.launcher.close();
  }

  start(request: ExecRequest): Promise<StartedExec> {
    const { launcher, runtime, logger } = this.#parts;
    const reason = this.reason(request);
    // The launcher logs its own, with times.
    if (reason !== undefined) logger.debug({ 'container-id': request.target.id, by: 'runtime', reason }, 'exec');
    return reason === undefined ? launcher.start(request) : runtime.start(request);
  }
}

/**
 * Makes what starts processes in containers.
 * @param enabled whether the launcher may; without it, its threads only look up the names of users.
 */
export function createExecStarter(reaper: Reaper, logger: Logger, enabled: boolean): ExecChoice {
  const launcher = new ExecLauncher(reaper, logger, EXEC_GATES);
  return new ExecChoice({ launcher, runtime: new CrunExec(reaper, launcher), logger, enabled });
}
