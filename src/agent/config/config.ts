/** The agent's configuration: its fields, and their values where nobody says otherwise. */
import type { LogLevel } from '../log/level.ts';

/** Which helpers of the confidential guest are started, each including those before it. */
export const GUEST_COMPONENT_PROCS = ['none', 'attestation-agent', 'confidential-data-hub', 'api-server-rest'] as const;
/** What the REST server of the confidential guest offers. */
export const GUEST_COMPONENT_APIS = ['all', 'attestation', 'resource'] as const;

/** Everything that can be configured. */
export interface AgentConfig {
  /** Offers a shell; see debugConsoleVport. */
  readonly debugConsole: boolean;
  /** vsock port of the shell; 0: on /dev/console. */
  readonly debugConsoleVport: number;
  /** Accepted; changes nothing. */
  readonly devMode: boolean;
  readonly logLevel: LogLevel;
  /** vsock port on which log lines are fetched; 0: they go to standard output. */
  readonly logVport: number;
  /** Exports spans to the host. */
  readonly tracing: boolean;
  /** Endpoint to listen on, such as `vsock://-1:1024` or `unix:///run/a.sock`. */
  readonly serverAddr: string;
  /** Longest wait for a device to appear (ms). */
  readonly hotplugTimeoutMs: number;
  /** Size of the pipes of stdout and stderr (bytes); 0: the kernel's. */
  readonly containerPipeSize: number;
  /** vsock port for passing descriptors; 0: off. */
  readonly passfdListenerPort: number;
  /** Whether a thread of the agent may start processes in containers; else crun starts all of them. */
  readonly execLauncher: boolean;
  /** cgroup hierarchy to mount as PID 1. */
  readonly cgroupVersion: 1 | 2;
  readonly cdhApiTimeoutMs: number;
  readonly imagePullTimeoutMs: number;
  readonly cdiTimeoutMs: number;
  /** Whether VISIBLE_CDI_DEVICES in a container's environment selects devices. */
  readonly visibleCdiDevices: boolean;
  readonly launchProcessTimeoutMs: number;
  /** Accepted; the agent itself speaks to no proxy. */
  readonly httpsProxy: string;
  readonly noProxy: string;
  readonly guestComponentsRestApi: (typeof GUEST_COMPONENT_APIS)[number];
  readonly guestComponentsProcs: (typeof GUEST_COMPONENT_PROCS)[number];
  readonly secureStorageIntegrity: boolean;
  readonly memAgentEnable: boolean;
  /** The options of the memory agent that were given, by name without `mem_agent_`; the rest is at its own defaults. */
  readonly memAgentOptions: Readonly<Record<string, number | boolean>>;
}

/** The configuration of an agent that is told nothing. */
export const DEFAULT_CONFIG: AgentConfig = {
  debugConsole: false,
  debugConsoleVport: 0,
  devMode: false,
  logLevel: 'info',
  logVport: 0,
  tracing: false,
  serverAddr: 'vsock://-1:1024',
  hotplugTimeoutMs: 3_000,
  containerPipeSize: 0,
  passfdListenerPort: 0,
  execLauncher: true,
  cgroupVersion: 2,
  cdhApiTimeoutMs: 50_000,
  imagePullTimeoutMs: 1_200_000,
  cdiTimeoutMs: 100_000,
  visibleCdiDevices: false,
  launchProcessTimeoutMs: 6_000,
  httpsProxy: '',
  noProxy: '',
  guestComponentsRestApi: 'resource',
  guestComponentsProcs: 'api-server-rest',
  secureStorageIntegrity: true,
  memAgentEnable: false,
  memAgentOptions: {},
};
