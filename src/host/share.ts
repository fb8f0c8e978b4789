/**
 * The share of a sandbox: the directory tree that virtiofsd exports and the guest sees below {@link GUEST_SHARE}.
 *
 * The layout is that of Kata's own shim. Things are bind-mounted below `mounts`; `shared` is a read-only view of it
 * and a slave in mount propagation: what is mounted below `mounts` later appears in `shared`, also inside the mount
 * namespace of virtiofsd, but nothing comes back. Writes of the guest go through, because the mounts below are their
 * own.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmdirSync, rmSync, type Stats, statSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { hasErrno, KataError } from '../wire/error.ts';
import { mustRun } from './program.ts';

/** Where the guest mounts the share. */
export const GUEST_SHARE = '/run/kata-containers/shared/containers';
/** Tag of the virtiofs device. */
export const SHARE_TAG = 'kataShared';

/** mount(8) takes milliseconds, except on a source that hangs. */
const MOUNT_TIMEOUT_MS = 10_000;
/** The name of a volume in the share carries so many random bytes, as the shim's do. */
const VOLUME_TOKEN_BYTES = 8;

/** A host directory or file that a container sees. */
export interface Volume {
  /** Path on the host. */
  readonly source: string;
  /** Absolute path in the container. */
  readonly destination: string;
  readonly readOnly: boolean;
}

/** The share of one sandbox. All its mounts lie below {@link directory}. */
export class Share {
  readonly directory: string;
  readonly #mounts: string;
  /** What virtiofsd exports. */
  readonly exported: string;
  /** Container id -> its mounts and the files and directories made for them, in the order in which they were made. */
  readonly #made = new Map<string, string[]>();

  private constructor(directory: string) {
    this.directory = directory;
    this.#mounts = join(directory, 'mounts');
    this.exported = join(directory, 'shared');
  }

  /**
   * Makes the directories and the two mounts.
   * @param root directory of all shares.
   * @throws KataError ERR_COMMAND where mounting is not allowed.
   */
  static async create(root: string, sandboxId: string): Promise<Share> {
    const share = new Share(shareDirectory(root, sandboxId));
    for (const name of ['mounts', 'shared', 'private']) {
      mkdirSync(join(share.directory, name), { recursive: true, mode: 0o750 });
    }
    // A propagation group of its own: where the host's root is shared, ours must not leak into it.
    await mount('--bind', share.#mounts, share.#mounts);
    await mount('--make-private', share.#mounts);
    await mount('--make-shared', share.#mounts);
    await mount('--bind', share.#mounts, share.exported);
    await mount('--make-slave', share.exported);
    await mount('-o', 'remount,bind,ro', share.exported);
    return share;
  }

  /**
   * Shows a host directory as the container's root, as it is.
   * @returns its path in the guest.
   */
  async addRoot(containerId: string, source: string): Promise<string> {
    const target = this.#makeRoot(containerId);
    await this.#bind(containerId, requireDirectory(source), target, false);
    return `${GUEST_SHARE}/${containerId}/rootfs`;
  }

  /**
   * Shows a writable layer over a host directory as the container's root; the directory is not changed.
   * @param scratch directory for the layer, empty or absent; it must lie on a file system that can be an upper layer.
   * @returns its path in the guest.
   */
  async addLayeredRoot(containerId: string, lower: string, scratch: string): Promise<string> {
    const target = this.#makeRoot(containerId);
    const [upper, work] = [join(scratch, 'upper'), join(scratch, 'work')];
    mkdirSync(upper, { recursive: true, mode: 0o755 });
    mkdirSync(work, { recursive: true, mode: 0o755 });
    const layers = { lowerdir: requireDirectory(lower), upperdir: upper, workdir: work };
    const options = Object.entries(layers).map(([name, path]) => `${name}=${escapeOverlayPath(path)}`);
    await mount('-t', 'overlay', '-o', options.join(','), 'overlay', target);
    this.#record(containerId, target);
    return `${GUEST_SHARE}/${containerId}/rootfs`;
  }

  /**
   * Shows a volume.
   * @returns its path in the guest, from which the container's spec binds it to the destination.
   */
  async addVolume(containerId: string, volume: Volume): Promise<string> {
    const source = resolve(volume.source);
    const isDirectory = statSource(source).isDirectory();
    // Guest paths go through mount tables, where blanks and backslashes need escapes: keep to plain characters.
    const label = basename(volume.destination).replace(/[^A-Za-z0-9_.-]/g, '_') || 'root';
    const name = `${containerId}-${randomBytes(VOLUME_TOKEN_BYTES).toString('hex')}-${label}`;
    const target = join(this.#mounts, name);
    if (isDirectory) mkdirSync(target);
    else writeFileSync(target, '', { flag: 'wx' });
    this.#record(containerId, target);
    await this.#bind(containerId, source, target, volume.readOnly);
    return `${GUEST_SHARE}/${name}`;
  }

  /**
   * Takes back everything of a container. Mounts are detached at once even where virtiofsd still holds files open.
   * @throws KataError ERR_COMMAND where one cannot be unmounted.
   */
  async remove(containerId: string): Promise<void> {
    const made = this.#made.get(containerId) ?? [];
    for (const path of made.toReversed()) {
      if (mountPoints().has(path)) await mustRun(['umount', '-l', path], { timeoutMs: MOUNT_TIMEOUT_MS });
      else removeEmpty(path);
    }
    this.#made.delete(containerId);
  }

  #makeRoot(containerId: string): string {
    const directory = join(this.#mounts, containerId);
    const target = join(directory, 'rootfs');
    mkdirSync(target, { recursive: true, mode: 0o755 });
    this.#record(containerId, directory);
    this.#record(containerId, target);
    return target;
  }

  async #bind(containerId: string, source: string, target: string, readOnly: boolean): Promise<void> {
    await mount('--bind', source, target);
    this.#record(containerId, target);
    if (readOnly) await mount('-o', 'remount,bind,ro', target);
  }

  #record(containerId: string, path: string): void {
    const made = this.#made.get(containerId) ?? [];
    made.push(path);
    this.#made.set(containerId, made);
  }
}

/** Directory of the share of a sandbox. */
export function shareDirectory(root: string, sandboxId: string): string {
  return join(root, sandboxId);
}

/** Overlay splits its options at commas and its layers at colons; a backslash keeps one (Linux, overlayfs.rst). */
export function escapeOverlayPath(path: string): string {
  return path.replace(/[\\,:]/g, (special) => `\\${special}`);
}

/** Mount points of this mount namespace: the fifth field of each line, octal escapes resolved (proc(5)). */
export function parseMountPoints(mountinfo: string): Set<string> {
  const points = mountinfo.split('\n').flatMap((line) => line.split(' ')[4] ?? []);
  return new Set(
    points.map((point) => point.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)))),
  );
}

function mountPoints(): Set<string> {
  return parseMountPoints(readFileSync('/proc/self/mountinfo', 'utf8'));
}

async function mount(...args: string[]): Promise<void> {
  await mustRun(['mount', ...args], { timeoutMs: MOUNT_TIMEOUT_MS });
}

function removeEmpty(path: string): void {
  try {
    if (statSync(path).isDirectory()) rmdirSync(path);
    else rmSync(path);
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error;
  }
}

function statSource(path: string): Stats {
  try {
    return statSync(path);
  } catch (cause) {
    throw new KataError('ERR_INVALID_ARGUMENT', `volume source ${path}: ${KataError.from(cause).errno}`, { cause });
  }
}

function requireDirectory(path: string): string {
  const absolute = resolve(path);
  const found = statSync(absolute, { throwIfNoEntry: false });
  if (found?.isDirectory() !== true) {
    throw new KataError('ERR_INVALID_ARGUMENT', `root file system ${absolute} is not a directory`);
  }
  return absolute;
}
