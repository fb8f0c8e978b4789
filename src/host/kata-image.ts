/** The guest in the forms in which Kata's own shim loads one: the names of their files. */

/** Files of both forms, in the directory that `kernel`, `image` and `initrd` of Kata's configuration point into. */
export const KATA_FILES = {
  /** For `kernel`: uncompressed, and with a PVH entry where the distribution's kernel has one. */
  kernel: 'vmlinux',
  /** For `image`: a disk with one partition. */
  image: 'kata-containers.img',
  /** For `initrd`: the whole guest in one archive. */
  initrd: 'kata-containers-initrd.img',
} as const;

/**
 * The archive beside an image that loads the modules on the way to its root, for a kernel that has none of them built in.
 * Kata's shim has no place for it: whoever starts the machine in its name adds it as the initrd.
 */
export function modulesInitrdOf(image: string): string {
  return `${image}.modules`;
}
