/** The words of `kernel_params` that are meant for the agent. */

/** Words that our agent acts upon, and systemd's that a guest without systemd passes over. */
const SERVED: ReadonlySet<string> = new Set([
  'agent.config_file',
  'agent.container_pipe_size',
  'agent.debug_console',
  'agent.debug_console_vport',
  'agent.devmode',
  'agent.exec_launcher',
  'agent.hotplug_timeout',
  'agent.log',
  'agent.log_vport',
  'agent.passfd_listener_port',
  'agent.server_addr',
  'agent.unified_cgroup_hierarchy',
]);

/** Words that the agent reads, and that ask for what it has not. */
const NOT_SERVED: ReadonlyMap<string, string> = new Map([
  ['agent.trace', 'the agent sends no traces'],
  ['agent.cdh_api_timeout', 'there is no confidential data hub in the guest'],
  ['agent.launch_process_timeout', 'there are no guest components to start'],
  ['agent.guest_components_rest_api', 'there are no guest components'],
  ['agent.guest_components_procs', 'there are no guest components'],
  ['agent.secure_storage_integrity', 'there is no secure storage'],
  ['agent.image_pull_timeout', 'the guest pulls no images'],
  ['agent.https_proxy', 'the agent speaks to no proxy'],
  ['agent.no_proxy', 'the agent speaks to no proxy'],
  ['agent.cdi_timeout', 'the agent reads no CDI files'],
  ['agent.visible_cdi_devices', 'the agent reads no CDI files'],
]);

const MEM_AGENT = 'agent.mem_agent_';

/** What of a line of kernel parameters is not served; undefined where all is. */
export function kernelWordsGap(line: unknown): string | undefined {
  if (typeof line !== 'string') return undefined;
  const reasons = line.split(/\s+/).flatMap((word) => {
    const name = word.split('=', 1)[0] ?? '';
    if (!name.startsWith('agent.') || SERVED.has(name)) return [];
    if (name.startsWith(MEM_AGENT)) return [`${name}: there is no memory agent`];
    return [`${name}: ${NOT_SERVED.get(name) ?? 'no such option of the agent is known'}`];
  });
  return reasons.length === 0 ? undefined : reasons.join('; ');
}
