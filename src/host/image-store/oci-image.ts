/** Container images from an OCI layout, a Docker archive or a registry, unpacked into the cache. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { KataError } from '../../wire/error.ts';
import { findProgram, mustRun } from '../program.ts';
import { placeOnce } from './place-once.ts';
import { member, parseImageConfig, type RootImage } from './root-image.ts';

/** Time for skopeo to copy an image, over a slow network too. */
const COPY_TIMEOUT_MS = 600_000;
/** Time for umoci to unpack an image. */
const UNPACK_TIMEOUT_MS = 600_000;
/** Tag of the one image in a layout of ours. */
const TAG = 'image';

/** Where an image comes from, in skopeo's own words. */
export interface ImageSource {
  /** For messages. */
  readonly reference: string;
  /** skopeo's `transport:details`. */
  readonly skopeo: string;
}

/**
 * Understands what a user wrote: a directory with an OCI layout, `docker-archive:FILE`, or a registry's reference.
 * A layout with several images takes the name behind a colon (`DIR:TAG`).
 * @param isLayout tells whether a path is a directory with an OCI layout.
 */
export function parseReference(reference: string, isLayout: (path: string) => boolean): ImageSource {
  if (reference === '') throw new KataError('ERR_INVALID_ARGUMENT', 'image reference is empty');
  if (reference.startsWith('docker-archive:')) {
    const file = resolve(reference.slice('docker-archive:'.length));
    return { reference, skopeo: `docker-archive:${file}` };
  }
  const colon = reference.lastIndexOf(':');
  const [path, tag] = colon > 0 ? [reference.slice(0, colon), reference.slice(colon)] : [reference, ''];
  if (isLayout(reference)) return { reference, skopeo: `oci:${resolve(reference)}` };
  if (isLayout(path)) return { reference, skopeo: `oci:${resolve(path)}${tag}` };
  return { reference, skopeo: `docker://${reference}` };
}

/** True where `path` is a directory with an OCI layout (image-spec, image-layout.md). */
export function isOciLayout(path: string): boolean {
  return statSync(join(path, 'oci-layout'), { throwIfNoEntry: false })?.isFile() === true;
}

/**
 * Fetches and unpacks an image, unless the cache has it.
 * @throws KataError ERR_HOST where skopeo or umoci is missing, ERR_COMMAND with what they said.
 */
export async function ociImage(imageDirectory: string, reference: string): Promise<RootImage> {
  const source = parseReference(reference, isOciLayout);
  const [skopeo, umoci] = ['skopeo', 'umoci'].map((name) => {
    const path = findProgram(name);
    if (path === undefined) throw new KataError('ERR_HOST', `${name} is missing: it unpacks container images`);
    return path;
  });
  mkdirSync(imageDirectory, { recursive: true });
  const scratch = mkdtempSync(join(imageDirectory, '.new-'));
  try {
    const layout = join(scratch, 'layout');
    await mustRun([skopeo ?? '', 'copy', '--quiet', source.skopeo, `oci:${layout}:${TAG}`], {
      timeoutMs: COPY_TIMEOUT_MS,
    });
    const { digest, config } = readLayout(layout);
    const directory = await placeOnce(imageDirectory, digest, async (building) => {
      const root = join(scratch, 'rootfs');
      await mustRun([umoci ?? '', 'raw', 'unpack', '--image', `${layout}:${TAG}`, root], {
        timeoutMs: UNPACK_TIMEOUT_MS,
      });
      renameSync(root, join(building, 'rootfs'));
      writeFileSync(join(building, 'config.json'), config);
    });
    return {
      rootfs: join(directory, 'rootfs'),
      config: parseImageConfig(readFileSync(join(directory, 'config.json'), 'utf8')),
    };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Digest (as a file name) and configuration of the one image in a layout. */
function readLayout(layout: string): { digest: string; config: string } {
  const index: unknown = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8'));
  const manifests = member(index, 'manifests');
  const digest = member(Array.isArray(manifests) ? manifests[0] : undefined, 'digest');
  const manifest: unknown = JSON.parse(readFileSync(blobPath(layout, digest), 'utf8'));
  const config = readFileSync(blobPath(layout, member(member(manifest, 'config'), 'digest')), 'utf8');
  return { digest: String(digest).replace(':', '-'), config };
}

/** Path of a blob. The digest comes from an untrusted image and becomes a path, so only hex digits may pass. */
export function blobPath(layout: string, digest: unknown): string {
  const match = typeof digest === 'string' ? /^sha256:([0-9a-f]{64})$/.exec(digest) : null;
  const path = join(layout, 'blobs/sha256', match?.[1] ?? '');
  if (match === null || !existsSync(path)) {
    throw new KataError('ERR_COMMAND', `the image names a blob ${JSON.stringify(digest)} that it does not have`);
  }
  return path;
}
