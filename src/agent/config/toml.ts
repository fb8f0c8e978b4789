/** A TOML file as the agent's configuration. */
import { parse } from 'smol-toml';
import { KataError } from '../../wire/error.ts';
import { type AgentConfig, DEFAULT_CONFIG } from './config.ts';
import { MEM_AGENT_OPTIONS, OPTIONS } from './options.ts';

const MEM_AGENT_PREFIX = 'mem_agent_';

function parseTable(source: string, name: string): Record<string, unknown> {
  try {
    return parse(source);
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw new KataError('ERR_INVALID_ARGUMENT', `${name}: ${reason}`, { cause: error });
  }
}

/**
 * Reads a configuration file. What it does not say is at its default; unknown keys are ignored.
 * @param name of the file, for errors.
 * @throws KataError ERR_INVALID_ARGUMENT naming file, key and value.
 */
export function parseToml(source: string, name: string): AgentConfig {
  const table = parseTable(source, name);
  let config: AgentConfig = DEFAULT_CONFIG;
  for (const option of OPTIONS) {
    const value = option.toml === undefined ? undefined : table[option.toml];
    if (value !== undefined) config = { ...config, ...option.fromToml(`${name}: ${option.toml}`, value) };
  }
  if (!config.memAgentEnable) return config;
  const memAgentOptions: Record<string, number | boolean> = {};
  for (const [key, kind] of MEM_AGENT_OPTIONS) {
    const value = table[MEM_AGENT_PREFIX + key];
    const read = value === undefined ? undefined : kind.fromToml(`${name}: ${MEM_AGENT_PREFIX}${key}`, value);
    if (read !== undefined) memAgentOptions[key] = read;
  }
  return { ...config, memAgentOptions };
}
