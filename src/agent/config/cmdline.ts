/** The kernel command line as the agent's configuration. */
import { type AgentConfig, DEFAULT_CONFIG } from './config.ts';
import { MEM_AGENT_OPTIONS, OPTIONS } from './options.ts';

const CONFIG_FILE = 'agent.config_file';
const MEM_AGENT_PREFIX = 'agent.mem_agent_';

/** What a command line says: a configuration, or that it is all in a file. */
export type CmdlineResult =
  | { readonly kind: 'config'; readonly config: AgentConfig }
  | { readonly kind: 'file'; readonly path: string };

/** The configuration after one word; the same where the word is no option of ours. */
function applyWord(config: AgentConfig, name: string, value: string | undefined): AgentConfig {
  const found = OPTIONS.find((option) =>
    value === undefined ? option.flag === name : option.words?.includes(name) === true,
  );
  if (found !== undefined) return { ...config, ...found.fromText(name, value ?? 'true') };
  const key = name.startsWith(MEM_AGENT_PREFIX) ? name.slice(MEM_AGENT_PREFIX.length) : '';
  const kind = MEM_AGENT_OPTIONS.get(key);
  if (kind === undefined || value === undefined || !config.memAgentEnable) return config;
  const read = kind.fromText(name, value);
  return read === undefined ? config : { ...config, memAgentOptions: { ...config.memAgentOptions, [key]: read } };
}

/**
 * Reads a command line: words between white space, `name=value` or a bare flag. Unknown words are ignored, the last of
 * several wins. A word that names a configuration file ends it: nothing else of the line counts then.
 * @throws KataError ERR_INVALID_ARGUMENT naming the option and its value.
 */
export function parseCmdline(line: string): CmdlineResult {
  let config: AgentConfig = DEFAULT_CONFIG;
  let v1Disabled = false;
  for (const word of line.split(/\s+/)) {
    const equals = word.indexOf('=');
    const name = equals < 0 ? word : word.slice(0, equals);
    const value = equals < 0 ? undefined : word.slice(equals + 1);
    if (name === CONFIG_FILE && value !== undefined) return { kind: 'file', path: value };
    if (name === 'cgroup_no_v1' && value === 'all') v1Disabled = true;
    config = applyWord(config, name, value);
  }
  // Where the kernel has no v1 controllers left there is no choice, whatever else the line says.
  return { kind: 'config', config: v1Disabled ? { ...config, cgroupVersion: 2 } : config };
}
