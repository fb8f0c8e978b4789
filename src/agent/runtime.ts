/** What every part of the agent is given. */
import type { AgentConfig } from './config/config.ts';
import type { ExecChoice } from './exec/choose.ts';
import type { Logger } from './log/logger.ts';
import type { Reaper } from './process/reaper.ts';
import type { UeventListener } from './process/uevents.ts';
import type { OomEvents } from './sandbox/oom-events.ts';
import type { PassfdListener } from './stream/passfd.ts';

/** The agent's own parts, made at its start and there until its end. */
export interface AgentRuntime {
  readonly logger: Logger;
  readonly config: AgentConfig;
  readonly reaper: Reaper;
  readonly uevents: UeventListener;
  /** Starts processes in containers that are there. */
  readonly exec: ExecChoice;
  readonly oom: OomEvents;
  /** Connections for the streams of processes; undefined where the agent listens for none. */
  readonly passfd: PassfdListener | undefined;
}
