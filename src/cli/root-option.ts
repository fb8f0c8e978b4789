/** Finds the root file system that `--rootfs` or `--image` names. */
import { busyboxImage } from '../host/image-store/busybox.ts';
import { ociImage } from '../host/image-store/oci-image.ts';
import { imageRoot } from '../host/paths.ts';
import type { ContainerRoot } from '../host/sandbox-options.ts';
import { KataError } from '../wire/error.ts';

/** Name of the image that is made from the host's own busybox. */
export const BUILT_IN_IMAGE = 'busybox';

/** @throws KataError where both are given, or the image cannot be had. */
export async function rootOf(options: { readonly rootfs?: string; readonly image?: string }): Promise<ContainerRoot> {
  if (options.rootfs !== undefined) {
    if (options.image !== undefined) {
      throw new KataError('ERR_INVALID_ARGUMENT', '--rootfs and --image exclude each other');
    }
    return { kind: 'directory', path: options.rootfs };
  }
  const reference = options.image ?? BUILT_IN_IMAGE;
  const image = reference === BUILT_IN_IMAGE ? await busyboxImage(imageRoot()) : await ociImage(imageRoot(), reference);
  return { kind: 'image', image };
}
