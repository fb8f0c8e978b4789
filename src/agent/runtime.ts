/** What every part of the agent is given. */
import type { AgentConfig } from './config/config.ts';
import type { Logger } from './log/logger.ts';
import type { Reaper } from './process/reaper.ts';
import type { UeventListener } from './process/uevents.ts';

/** The agent's own parts, made at its start and there until its end. */
export interface AgentRuntime {
  readonly logger: Logger;
  readonly config: AgentConfig;
  readonly reaper: Reaper;
  readonly uevents: UeventListener;
}
