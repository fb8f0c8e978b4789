/** The built guest image in the cache: what it consists of, and where. */
import { accessSync, constants, readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { hasErrno, KataError } from '../wire/error.ts';
import { cacheRoot } from './paths.ts';

/** Where the kernel came from: this machine's own, Debian's cloud kernel, or a directory that was named. */
export type KernelOrigin = 'host' | 'debian' | 'directory';

/** A guest that QEMU can boot. All paths are absolute, and the files are never changed once they exist. */
export interface GuestImage {
  /** Uncompressed kernel with a PVH entry where it has one (starts sooner), else the bzImage. */
  readonly kernel: string;
  /** Uncompressed newc archive: kernel modules and the init that mounts the root. */
  readonly initrd: string;
  /** erofs image of the root, to be attached read-only as the first virtio block device. */
  readonly rootfs: string;
  readonly kernelVersion: string;
  readonly kernelOrigin: KernelOrigin;
  /** SHA-256 over the contents of the three files, as hex: two images with the same id are the same, byte for byte. */
  readonly id: string;
}

/** Name of the file, in the cache, that describes the current image. It is written last, and replaced as a whole. */
export const IMAGE_MANIFEST = 'image.json';

/** Layout of the manifest that this program writes and reads. */
const MANIFEST_FORMAT = 1;

/** Text of the manifest of an image, its paths relative to the cache directory. */
export function encodeImageManifest(image: GuestImage): string {
  return `${JSON.stringify({ format: MANIFEST_FORMAT, image }, undefined, 2)}\n`;
}

/**
 * The image that a manifest describes.
 * @param directory what its relative paths start from.
 * @returns undefined where the text is not a manifest of this format.
 */
export function decodeImageManifest(text: string, directory: string): GuestImage | undefined {
  const document = parseObject(text);
  const image = document?.['image'];
  if (document?.['format'] !== MANIFEST_FORMAT || !isRecord(image)) return undefined;
  const { kernel, initrd, rootfs, kernelVersion, kernelOrigin, id } = image;
  if (!isText(kernel) || !isText(initrd) || !isText(rootfs) || !isText(kernelVersion) || !isText(id)) return undefined;
  if (kernelOrigin !== 'host' && kernelOrigin !== 'debian' && kernelOrigin !== 'directory') return undefined;
  const at = (path: string): string => (isAbsolute(path) ? path : join(directory, path));
  return { kernel: at(kernel), initrd: at(initrd), rootfs: at(rootfs), kernelVersion, kernelOrigin, id };
}

/**
 * The image that was built last.
 * @throws KataError ERR_HOST where none was built, or its files are gone or may not be read.
 */
export function findImage(directory: string = cacheRoot()): GuestImage {
  const path = join(directory, IMAGE_MANIFEST);
  const image = decodeImageManifest(readManifest(path), directory);
  if (image === undefined) throw notUsable(`${path} is not a manifest of a guest image`);
  for (const file of [image.kernel, image.initrd, image.rootfs]) {
    try {
      accessSync(file, constants.R_OK);
    } catch (cause) {
      throw notUsable(`${file}, a part of the guest image, cannot be read`, cause);
    }
  }
  return image;
}

function readManifest(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const why = hasErrno(cause, 'ENOENT') ? `no guest image has been built yet (${path})` : `cannot read ${path}`;
    throw notUsable(why, cause);
  }
}

function notUsable(why: string, cause?: unknown): KataError {
  return new KataError('ERR_HOST', `${why}; "kata-sandbox build" makes one`, { cause });
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
