import { describe, expect, it } from 'vitest';
import { type AgentConfig, DEFAULT_CONFIG } from '../../../../src/agent/config/config.ts';
import { type ConfigSources, loadConfig } from '../../../../src/agent/config/load.ts';

type Change = Partial<AgentConfig>;

function load(cmdline: string, more: Partial<ConfigSources> = {}): Promise<AgentConfig> {
  const readFile = (path: string): string => {
    throw new Error(`no file ${path}`);
  };
  return loadConfig({ cmdline, env: {}, readFile, ...more });
}

function loadToml(source: string, env: ConfigSources['env'] = {}): Promise<AgentConfig> {
  return load('agent.log=trace', { configFile: '/etc/a.toml', readFile: () => source, env });
}

const memAgent = (memAgentOptions: AgentConfig['memAgentOptions']): Change => ({
  memAgentEnable: true,
  memAgentOptions,
});

describe('the kernel command line', () => {
  const CASES: readonly (readonly [string, Change])[] = [
    ['', {}],
    ['console=ttyS0 quiet panic=1 reboot=k', {}],
    ['agent.debug_console', { debugConsole: true }],
    ['agent.debug_console=true', {}],
    ['agent.debug_consoles', {}],
    ['xagent.debug_console', {}],
    ['agent.debug_console agent.debug_console_vport=1026', { debugConsole: true, debugConsoleVport: 1026 }],
    ['agent.debug_console_vport=0', {}],
    ['agent.debug_console_vport=-1', {}],
    ['agent.devmode', { devMode: true }],
    ['agent.log=debug', { logLevel: 'debug' }],
    ['agent.log=trace', { logLevel: 'trace' }],
    ['agent.log=warning', { logLevel: 'warn' }],
    ['agent.log=warn', { logLevel: 'warn' }],
    ['agent.log=panic', { logLevel: 'fatal' }],
    ['agent.log=critical', { logLevel: 'fatal' }],
    ['agent.log=error', { logLevel: 'error' }],
    ['agent.log=debug agent.log=error', { logLevel: 'error' }],
    ['\tagent.log=debug\n', { logLevel: 'debug' }],
    ['agent.logs=debug', {}],
    ['agent.log_vport=1025', { logVport: 1025 }],
    ['agent.log_vport=4294967294', { logVport: 4_294_967_294 }],
    ['agent.trace', { tracing: true }],
    ['agent.trace=true', { tracing: true }],
    ['agent.trace=1', { tracing: true }],
    ['agent.trace=0', {}],
    ['agent.trace agent.trace=isolated', { tracing: true }],
    ['agent.trace=isolated', {}],
    ['agent.server_addr=unix:///tmp/a.sock', { serverAddr: 'unix:///tmp/a.sock' }],
    ['agent.server_addr=vsock://3:99=', { serverAddr: 'vsock://3:99=' }],
    ['agent.hotplug_timeout=7', { hotplugTimeoutMs: 7_000 }],
    ['agent.hotplug_timeout=0', {}],
    ['agent.hotplug_timeout=99999999999', { hotplugTimeoutMs: 2_147_483_647 }],
    ['agent.container_pipe_size=65536', { containerPipeSize: 65_536 }],
    ['agent.container_pipe_size=0', {}],
    ['agent.passfd_listener_port=1027', { passfdListenerPort: 1027 }],
    ['agent.passfd_listener_port=0', {}],
    ['agent.exec_launcher=off', { execLauncher: false }],
    ['agent.exec_launcher=on', { execLauncher: true }],
    ['systemd.unified_cgroup_hierarchy=1', {}],
    ['systemd.unified_cgroup_hierarchy=true', {}],
    ['systemd.unified_cgroup_hierarchy=0', { cgroupVersion: 1 }],
    ['systemd.unified_cgroup_hierarchy=false', { cgroupVersion: 1 }],
    ['systemd.unified_cgroup_hierarchy=maybe', {}],
    ['agent.unified_cgroup_hierarchy=0', { cgroupVersion: 1 }],
    ['agent.unified_cgroup_hierarchy=0 systemd.unified_cgroup_hierarchy=1', {}],
    ['systemd.unified_cgroup_hierarchy', {}],
    ['cgroup_no_v1=all', {}],
    ['cgroup_no_v1=all systemd.unified_cgroup_hierarchy=0', {}],
    ['cgroup_no_v1=memory systemd.unified_cgroup_hierarchy=0', { cgroupVersion: 1 }],
    ['agent.cdh_api_timeout=60', { cdhApiTimeoutMs: 60_000 }],
    ['agent.image_pull_timeout=+5', { imagePullTimeoutMs: 5_000 }],
    ['agent.cdi_timeout=1', { cdiTimeoutMs: 1_000 }],
    ['agent.visible_cdi_devices=2', { visibleCdiDevices: true }],
    ['agent.visible_cdi_devices=yes', {}],
    ['agent.visible_cdi_devices=1 agent.visible_cdi_devices=yes', {}],
    ['agent.launch_process_timeout=9', { launchProcessTimeoutMs: 9_000 }],
    ['agent.https_proxy=http://p:3128/ agent.no_proxy=a,b', { httpsProxy: 'http://p:3128/', noProxy: 'a,b' }],
    ['agent.guest_components_rest_api=all', { guestComponentsRestApi: 'all' }],
    ['agent.guest_components_procs=none', { guestComponentsProcs: 'none' }],
    ['agent.secure_storage_integrity=false', { secureStorageIntegrity: false }],
    ['agent.secure_storage_integrity=nonsense', { secureStorageIntegrity: false }],
    ['agent.mem_agent_enable=1', { memAgentEnable: true }],
    ['agent.mem_agent_memcg_period_secs=5', {}],
    ['agent.mem_agent_memcg_period_secs=5 agent.mem_agent_enable=1', { memAgentEnable: true }],
    [
      'agent.mem_agent_enable=1 agent.mem_agent_memcg_period_secs=5 agent.mem_agent_compact_disable=true',
      memAgent({ memcg_period_secs: 5, compact_disable: true }),
    ],
    ['agent.mem_agent_enable=1 agent.mem_agent_constructor=1', { memAgentEnable: true }],
    ['agent.cdh_api_timeout agent.log', {}],
  ];
  it.each(CASES)('%j', async (cmdline, change) => {
    expect(await load(cmdline)).toEqual({ ...DEFAULT_CONFIG, ...change });
  });

  it.each([
    ['agent.hotplug_timeout=3s', 'agent.hotplug_timeout: "3s" is not an integer'],
    ['agent.hotplug_timeout=', 'agent.hotplug_timeout: "" is not an integer'],
    ['agent.hotplug_timeout=-1', 'agent.hotplug_timeout: -1 is not an integer from 0'],
    ['agent.hotplug_timeout=1e3', 'agent.hotplug_timeout: "1e3" is not an integer'],
    ['agent.hotplug_timeout=99999999999999999999', 'is not an integer'],
    ['agent.container_pipe_size=-1', 'agent.container_pipe_size: -1 is not an integer from 0'],
    ['agent.log_vport=1.5', 'agent.log_vport: "1.5" is not an integer'],
    ['agent.log_vport=4294967295', 'agent.log_vport: 4294967295 is not a vsock port'],
    ['agent.log=loud', 'agent.log: "loud" is not one of fatal, panic'],
    ['agent.guest_components_procs=some', 'agent.guest_components_procs: "some" is not one of none'],
    ['agent.https_proxy=proxy', 'agent.https_proxy: "proxy" is not a URL'],
    ['agent.mem_agent_enable=1 agent.mem_agent_memcg_swap=1', 'agent.mem_agent_memcg_swap: "1" is not true or false'],
  ])('%s is refused', async (cmdline, message) => {
    await expect(load(cmdline)).rejects.toThrow(message);
    await expect(load(cmdline)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
  });
});

describe('TOML', () => {
  const CASES: readonly (readonly [string, Change])[] = [
    ['', {}],
    ['unknown = 1\n[table]\nx = 2', {}],
    ['debug_console = true\ndebug_console_vport = 1026', { debugConsole: true, debugConsoleVport: 1026 }],
    ['dev_mode = true\nlog_level = "debug"\nlog_vport = 5', { devMode: true, logLevel: 'debug', logVport: 5 }],
    ['server_addr = "unix://@a"\ntracing = true', { serverAddr: 'unix://@a', tracing: true }],
    ['hotplug_timeout = { secs = 2, nanos = 500000000 }', { hotplugTimeoutMs: 2_500 }],
    ['[hotplug_timeout]\nsecs = 0\nnanos = 0', {}],
    ['cdh_api_timeout = { secs = 1 }', { cdhApiTimeoutMs: 1_000 }],
    ['unified_cgroup_hierarchy = false', { cgroupVersion: 1 }],
    ['unified_cgroup_hierarchy = true', {}],
    ['https_proxy = "http://p/"\nno_proxy = ""', { httpsProxy: 'http://p/' }],
    ['guest_components_rest_api = "attestation"', { guestComponentsRestApi: 'attestation' }],
    ['mem_agent_memcg_period_secs = 4', {}],
    ['mem_agent_memcg_swap = true\nmem_agent_enable = true', memAgent({ memcg_swap: true })],
  ];
  it.each(CASES)('%j', async (source, change) => {
    expect(await loadToml(source)).toEqual({ ...DEFAULT_CONFIG, ...change });
  });

  it.each([
    ['log_vport = "5"', '/etc/a.toml: log_vport: "5" is not an integer'],
    ['log_vport = 1.5', '/etc/a.toml: log_vport: 1.5 is not an integer'],
    ['debug_console = 1', '/etc/a.toml: debug_console: 1 is not true or false'],
    ['server_addr = 1', '/etc/a.toml: server_addr: 1 is not a string'],
    ['hotplug_timeout = 3', '/etc/a.toml: hotplug_timeout: 3 is not a table {secs, nanos}'],
    ['hotplug_timeout = { secs = "3" }', '/etc/a.toml: hotplug_timeout.secs: "3" is not an integer'],
    ['log_level = "loud"', '/etc/a.toml: log_level: "loud" is not one of'],
    ['log_level = ', '/etc/a.toml: '],
  ])('%s is refused', async (source, message) => {
    await expect(loadToml(source)).rejects.toThrow(message);
    await expect(loadToml(source)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
  });
});

describe('precedence', () => {
  it('lets the environment win over the command line', async () => {
    const env = { KATA_AGENT_SERVER_ADDR: 'unix:///e', KATA_AGENT_LOG_LEVEL: 'error', KATA_AGENT_TRACING: 'true' };
    const config = await load('agent.server_addr=unix:///c agent.log=debug agent.log_vport=7', { env });
    const change: Change = { serverAddr: 'unix:///e', logLevel: 'error', tracing: true, logVport: 7 };
    expect(config).toEqual({ ...DEFAULT_CONFIG, ...change });
  });

  it('names the variable that is wrong', async () => {
    await expect(load('', { env: { KATA_AGENT_LOG_LEVEL: 'x' } })).rejects.toThrow('KATA_AGENT_LOG_LEVEL: "x" is not');
  });

  it('takes the file of --config in the place of the command line, and the environment over it', async () => {
    const env = { KATA_AGENT_SERVER_ADDR: 'unix:///e' };
    const config = await loadToml('server_addr = "unix:///f"\nlog_vport = 3', env);
    expect(config).toEqual({ ...DEFAULT_CONFIG, serverAddr: 'unix:///e', logVport: 3 });
  });

  it('takes a file that the command line names alone: no other word, no environment', async () => {
    const read: string[] = [];
    const config = await load('agent.log=debug agent.config_file=/run/c.toml agent.log_vport=bad', {
      env: { KATA_AGENT_SERVER_ADDR: 'unix:///e', KATA_AGENT_LOG_LEVEL: 'bad' },
      readFile: (path) => {
        read.push(path);
        return 'hotplug_timeout = { secs = 1 }';
      },
    });
    expect(read).toEqual(['/run/c.toml']);
    expect(config).toEqual({ ...DEFAULT_CONFIG, hotplugTimeoutMs: 1_000 });
  });

  it('fails where the file that the command line names cannot be read', async () => {
    await expect(load('agent.config_file=/nope')).rejects.toThrow('/nope');
  });
});
