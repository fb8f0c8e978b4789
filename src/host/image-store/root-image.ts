/** An unpacked container image: a root file system and how its author wants it run. */

/** The part of an OCI image configuration that decides what runs. */
export interface ImageConfig {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly env: readonly string[];
  /** Absolute. */
  readonly cwd: string;
  /** `USER[:GROUP]`, empty for root. */
  readonly user: string;
}

/** An image in the cache. Its root must not be written to: use a layer above it. */
export interface RootImage {
  readonly rootfs: string;
  readonly config: ImageConfig;
}

/** Where an image says nothing. */
export const EMPTY_CONFIG: ImageConfig = { entrypoint: [], cmd: [], env: [], cwd: '/', user: '' };

/**
 * Reads an OCI image configuration (image-spec, config.md). Members of another type than the specification's are
 * taken as absent.
 */
export function parseImageConfig(text: string): ImageConfig {
  const value: unknown = JSON.parse(text);
  const config = member(value, 'config');
  const cwd = member(config, 'WorkingDir');
  const user = member(config, 'User');
  return {
    entrypoint: strings(member(config, 'Entrypoint')),
    cmd: strings(member(config, 'Cmd')),
    env: strings(member(config, 'Env')),
    cwd: typeof cwd === 'string' && cwd.startsWith('/') ? cwd : '/',
    user: typeof user === 'string' ? user : '',
  };
}

/** The arguments of the process: the image's entry point, then the user's command, or else the image's own. */
export function commandOf(config: ImageConfig, command: readonly string[]): string[] {
  return [...config.entrypoint, ...(command.length > 0 ? command : config.cmd)];
}

/** A member of a JSON object, or undefined. */
export function member(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  // Reason for the cast: the line above has just seen an own member of that name.
  return (value as Record<string, unknown>)[name];
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each): each is string => typeof each === 'string') : [];
}
