/**
 * What docs/rpc.md says of each method that is served. The keys follow from the handlers, so one that is added or dropped
 * does not compile without its line here. `npm run docs` writes the page.
 */
import type { agentHandlers } from './handlers.ts';

type Served = keyof ReturnType<typeof agentHandlers>;

/** Served methods, and what a caller may not expect of them. Sections that are named are those of the page. */
export const SERVED_NOTES: Readonly<Record<Served, string>> = {
  CreateContainer:
    'Devices: see "Disks". With `Terminal` its program gets a terminal of its own devpts, with the first size in force.',
  StartContainer: '',
  RemoveContainer: '',
  ExecProcess: 'Answers when the program is executed. See "Processes in a container".',
  SignalProcess:
    'Signal 9 without an exec id kills all that runs in the container, and what is being started in it. 0 asks whether the process is there. One that is being started is waited for. SIGTERM to a first process without a disposition for it is sent as SIGKILL.',
  WaitProcess:
    'Late, repeated and at the same time: all who wait at the exit get the status, later ones 5. One who has gone collects nothing.',
  UpdateContainer: 'Memory, processors, pids and huge pages: all that is asked for, or nothing. See "Limits".',
  UpdateEphemeralMounts:
    '`ephemeral` only, else 13. What its options do not name stays as it is mounted. 13 for a remount where nothing is mounted.',
  StatsContainer: 'Read at once, past every queue. See "Statistics".',
  PauseContainer:
    'Answers when all of it stands still; where one process does not within 10 s, all run on, and the answer is 13.',
  ResumeContainer: '',
  RemoveStaleVirtiofsShareMounts: 'Looks at every mount below the share once. Never fails.',
  WriteStdin:
    'All of it, and then the full length. Waits as long as the process does not read; ends with 13 when it exits. No bytes: as `CloseStdin`.',
  ReadStdout: '',
  ReadStderr: '',
  CloseStdin:
    'After what was written before. Repeatable. A terminal gets the key that ends the input (VEOF), and stays open.',
  TtyWinResize: '14 `no tty` without a terminal. Works until the status is collected, also when the process has gone.',
  UpdateInterface:
    'Waits up to `agent.hotplug_timeout` for the interface, then 13 `Link not found (Address: ...)`. Repeatable. See "Network".',
  UpdateRoutes: 'All of the list or none. Repeatable; answers what `ListRoutes` does. See "Network".',
  ListInterfaces: '`lo` included; `hwAddr` in capital letters.',
  ListRoutes: 'Unicast routes of the main table, in the form that `UpdateRoutes` takes.',
  AddARPNeighbors: 'All of the list or none. State 0 is a permanent entry. Repeatable.',
  GetIPTables: 'What `iptables-save`, or `ip6tables-save`, prints.',
  SetIPTables: 'By `iptables-restore --wait 5`; what it refuses is 13 with its own words.',
  GetMetrics: 'Families `kata_agent_*` and `kata_guest_*`. See "Metrics".',
  CreateSandbox: 'Once. See "Storages".',
  DestroySandbox: 'Then, as PID 1, powers the machine off.',
  OnlineCPUMem:
    '`wait` is ignored: it always waits. Up to 5 s for processors, then 13. See "Processors and memory that come later".',
  ReseedRandomDev: 'Each bit of `data` counts as random. 13 without data.',
  GetGuestDetails: '',
  MemHotplugByProbe: '13 with the errno, `ENOENT` where the kernel has no `probe` file.',
  SetGuestDateTime: '13 for a `Usec` outside of 0 to 999,999, and for what the clock cannot have.',
  CopyFile: 'Files in parts, directories, links. See "Copied files".',
  GetOOMEvent:
    'Names a container once, when the kernel has killed in it (`oom_kill` rose), before its exit can be seen. Up to 100 events wait. 13 `""` after `DestroySandbox`.',
  AddSwap: 'Waits for the disk as a volume is waited for.',
  AddSwapPath: '',
  GetVolumeStats: "Bytes, then inodes. Free, not available: the root's reserve counts as free.",
  GetDiagnosticData: '`termination_log` only, else 3. At most 4096 bytes; a file that is not there is empty.',
};
