/** The table of options: field, names, kind. */
import { logLevelOf } from '../log/level.ts';
import { type AgentConfig, GUEST_COMPONENT_APIS, GUEST_COMPONENT_PROCS } from './config.ts';
import {
  boolean,
  cgroupChoice,
  choice,
  count,
  duration,
  type Kind,
  lenientBoolean,
  mapped,
  port,
  strictBoolean,
  text,
  url,
} from './kinds.ts';

type ConfigPatch = Partial<AgentConfig>;

interface OptionNames {
  /** Names on the kernel command line, used as `name=value`. */
  readonly words?: readonly string[];
  /** A whole word on the command line that means true. */
  readonly flag?: string;
  readonly toml?: string;
  readonly env?: string;
}

/** One option. The two readers give the change to the configuration, empty where the value is ignored. */
export interface Option extends OptionNames {
  readonly fromText: (name: string, text: string) => ConfigPatch;
  readonly fromToml: (name: string, value: unknown) => ConfigPatch;
}

function option<K extends keyof AgentConfig>(field: K, kind: Kind<AgentConfig[K]>, names: OptionNames): Option {
  const patch = (value: AgentConfig[K] | undefined): ConfigPatch => {
    const change: ConfigPatch = {};
    return value === undefined ? change : { ...change, [field]: value };
  };
  return {
    ...names,
    fromText: (name, value) => patch(kind.fromText(name, value)),
    fromToml: (name, value) => patch(kind.fromToml(name, value)),
  };
}

const logLevel = mapped(logLevelOf, 'one of fatal, panic, critical, error, warn, warning, info, debug, trace');

const SWITCH: ReadonlyMap<string, boolean> = new Map([
  ['on', true],
  ['off', false],
]);
const onOff = mapped((word) => SWITCH.get(word), 'on or off');

/** Every option of the agent. */
export const OPTIONS: readonly Option[] = [
  option('debugConsole', boolean, { flag: 'agent.debug_console', toml: 'debug_console' }),
  option('debugConsoleVport', port, { words: ['agent.debug_console_vport'], toml: 'debug_console_vport' }),
  option('devMode', boolean, { flag: 'agent.devmode', toml: 'dev_mode' }),
  option('logLevel', logLevel, { words: ['agent.log'], toml: 'log_level', env: 'KATA_AGENT_LOG_LEVEL' }),
  option('logVport', port, { words: ['agent.log_vport'], toml: 'log_vport' }),
  option('tracing', lenientBoolean, {
    words: ['agent.trace'],
    flag: 'agent.trace',
    toml: 'tracing',
    env: 'KATA_AGENT_TRACING',
  }),
  option('serverAddr', text, { words: ['agent.server_addr'], toml: 'server_addr', env: 'KATA_AGENT_SERVER_ADDR' }),
  option('hotplugTimeoutMs', duration, { words: ['agent.hotplug_timeout'], toml: 'hotplug_timeout' }),
  option('containerPipeSize', count, { words: ['agent.container_pipe_size'], toml: 'container_pipe_size' }),
  option('passfdListenerPort', port, { words: ['agent.passfd_listener_port'], toml: 'passfd_listener_port' }),
  option('execLauncher', onOff, { words: ['agent.exec_launcher'], toml: 'exec_launcher' }),
  option('cgroupVersion', cgroupChoice, {
    words: ['systemd.unified_cgroup_hierarchy', 'agent.unified_cgroup_hierarchy'],
    toml: 'unified_cgroup_hierarchy',
  }),
  option('cdhApiTimeoutMs', duration, { words: ['agent.cdh_api_timeout'], toml: 'cdh_api_timeout' }),
  option('imagePullTimeoutMs', duration, { words: ['agent.image_pull_timeout'], toml: 'image_pull_timeout' }),
  option('cdiTimeoutMs', duration, { words: ['agent.cdi_timeout'], toml: 'cdi_timeout' }),
  option('visibleCdiDevices', boolean, { words: ['agent.visible_cdi_devices'] }),
  option('launchProcessTimeoutMs', duration, {
    words: ['agent.launch_process_timeout'],
    toml: 'launch_process_timeout',
  }),
  option('httpsProxy', url, { words: ['agent.https_proxy'], toml: 'https_proxy' }),
  option('noProxy', text, { words: ['agent.no_proxy'], toml: 'no_proxy' }),
  option('guestComponentsRestApi', choice(GUEST_COMPONENT_APIS), {
    words: ['agent.guest_components_rest_api'],
    toml: 'guest_components_rest_api',
  }),
  option('guestComponentsProcs', choice(GUEST_COMPONENT_PROCS), {
    words: ['agent.guest_components_procs'],
    toml: 'guest_components_procs',
  }),
  option('secureStorageIntegrity', boolean, {
    words: ['agent.secure_storage_integrity'],
    toml: 'secure_storage_integrity',
  }),
  option('memAgentEnable', boolean, { words: ['agent.mem_agent_enable'], toml: 'mem_agent_enable' }),
];

/** Options of the memory agent; they count only after `mem_agent_enable`. */
export const MEM_AGENT_OPTIONS: ReadonlyMap<string, Kind<number | boolean>> = new Map<string, Kind<number | boolean>>([
  ['memcg_disable', strictBoolean],
  ['memcg_swap', strictBoolean],
  ['memcg_swappiness_max', count],
  ['memcg_period_secs', count],
  ['memcg_period_psi_percent_limit', count],
  ['memcg_eviction_psi_percent_limit', count],
  ['memcg_eviction_run_aging_count_min', count],
  ['compact_disable', strictBoolean],
  ['compact_period_secs', count],
  ['compact_period_psi_percent_limit', count],
  ['compact_psi_percent_limit', count],
  ['compact_sec_max', count],
  ['compact_order', count],
  ['compact_threshold', count],
  ['compact_force_times', count],
]);
