/** What every part of the agent is given. */
import type { AgentConfig } from './config/config.ts';
import type { ExecChoice } from './exec/choose.ts';
import type { HotplugDevices } from './hotplug/devices.ts';
import type { Logger } from './log/logger.ts';
import type { Reaper } from './process/reaper.ts';
import type { UeventListener } from './process/uevents.ts';
import type { OomEvents } from './sandbox/oom-events.ts';
import type { FileThread } from './storage/file-thread.ts';
import type { PassfdListener } from './stream/passfd.ts';

/** The agent's own parts, made at its start and there until its end. */
export interface AgentRuntime {
  readonly logger: Logger;
  readonly config: AgentConfig;
  readonly reaper: Reaper;
  readonly uevents: UeventListener;
  /** Blocks of memory that the host plugs in. */
  readonly memory: HotplugDevices;
  /** Starts processes in containers that are there. */
  readonly exec: ExecChoice;
  readonly oom: OomEvents;
  /** Does what may hang with files of shares and disks. */
  readonly files: FileThread;
  /** Connections for the streams of processes; undefined where the agent listens for none. */
  readonly passfd: PassfdListener | undefined;
}
