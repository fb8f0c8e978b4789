/** Where the harness keeps things on the host. */
import { homedir } from 'node:os';
import { join } from 'node:path';

/** One directory per sandbox: sockets, console, logs, pid files, writable layers. */
export const RUN_ROOT = '/run/kata-sandbox';

/** One directory per sandbox with what virtiofsd exports: the place that Kata's own shim uses. */
export const SHARE_ROOT = '/run/kata-containers/shared/sandboxes';

/**
 * Directory of everything that is kept between runs: the guest image, unpacked container images, verdicts.
 * `KATA_SANDBOX_CACHE` names it outright; else it lies below `XDG_CACHE_HOME` or `~/.cache`.
 */
export function cacheRoot(env: NodeJS.ProcessEnv = process.env): string {
  const own = env['KATA_SANDBOX_CACHE'];
  if (own !== undefined && own !== '') return own;
  const xdg = env['XDG_CACHE_HOME'];
  return join(xdg !== undefined && xdg !== '' ? xdg : join(homedir(), '.cache'), 'kata-agent-ts');
}

/** Directory of unpacked container images. */
export function imageRoot(): string {
  return join(cacheRoot(), 'images');
}
