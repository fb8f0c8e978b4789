/** Where the configuration comes from, and which source wins. */

import { parseCmdline } from './cmdline.ts';
import type { AgentConfig } from './config.ts';
import { OPTIONS } from './options.ts';

/** The sources. */
export interface ConfigSources {
  /** The kernel command line. */
  readonly cmdline: string;
  /** The file of --config, which stands in the command line's place. */
  readonly configFile?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Reads a file as text. */
  readonly readFile: (path: string) => string;
}

async function loadFile(sources: ConfigSources, path: string): Promise<AgentConfig> {
  const source = sources.readFile(path);
  // Loaded only where there is a file: an ordinary start has none.
  const { parseToml } = await import('./toml.ts');
  return parseToml(source, path);
}

function applyEnv(config: AgentConfig, env: ConfigSources['env']): AgentConfig {
  let result = config;
  for (const option of OPTIONS) {
    const value = option.env === undefined ? undefined : env[option.env];
    if (option.env !== undefined && value !== undefined) result = { ...result, ...option.fromText(option.env, value) };
  }
  return result;
}

/**
 * Builds the configuration. From low to high: built-in values, the command line or the file of --config, the
 * environment. A file that the command line names is taken as it is: neither the rest of the line nor the environment
 * counts.
 * @throws KataError ERR_INVALID_ARGUMENT naming option and value; whatever readFile throws.
 */
export async function loadConfig(sources: ConfigSources): Promise<AgentConfig> {
  if (sources.configFile !== undefined) return applyEnv(await loadFile(sources, sources.configFile), sources.env);
  const result = parseCmdline(sources.cmdline);
  return result.kind === 'file' ? loadFile(sources, result.path) : applyEnv(result.config, sources.env);
}
