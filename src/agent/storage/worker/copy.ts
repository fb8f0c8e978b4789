/**
 * Puts files of the host into the guest. A file appears with all of its content, its owner and its mode, or not at all;
 * what was there before stays until then.
 */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { O_CLOEXEC } from '../../../linux/pipe.ts';
import { hasErrno, KataError } from '../../../wire/error.ts';
import { HeldDirectory, using } from './held-directory.ts';
import type { CopyContent, CopyJob } from './job.ts';

/** A named pipe that somebody has put there must not hold us up. */
const OPEN_PART = constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | O_CLOEXEC;
const NEW_PART = OPEN_PART | constants.O_CREAT | constants.O_EXCL;
/** Nobody but the agent sees a part. */
const PART_MODE = 0o600;
const PRIVATE_DIRECTORY = 0o700;
const PERMISSIONS = 0o777;
const HASH_DIGITS = 32;

type Part = Extract<CopyContent, { kind: 'part' }>;

/** Name of what is not complete yet; another one for each file, however long or alike their names are. */
function partName(name: string): string {
  return `.${createHash('sha256').update(name).digest('hex').slice(0, HASH_DIGITS)}.kata-part`;
}

function isDirectory(directory: HeldDirectory, name: string): boolean {
  return lstatSync(directory.entry(name), { throwIfNoEntry: false })?.isDirectory() === true;
}

/** Holds a directory of the way; undefined where it is not there. */
function present(root: HeldDirectory, path: string): HeldDirectory | undefined {
  try {
    return root.below(path);
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** False where something has that name already. */
function makeDirectory(entry: Buffer): boolean {
  try {
    mkdirSync(entry, { mode: PRIVATE_DIRECTORY });
    return true;
  } catch (error) {
    if (hasErrno(error, 'EEXIST')) return false;
    throw error;
  }
}

/** Holds a directory of the way, and makes it where it is missing. */
function step(root: HeldDirectory, parent: HeldDirectory, names: readonly string[], mode: number): HeldDirectory {
  const path = names.join('/');
  const there = present(root, path);
  if (there !== undefined) return there;
  const made = makeDirectory(parent.entry(names.at(-1) ?? ''));
  const directory = present(root, path);
  // A link that leads nowhere has the name.
  if (directory === undefined) throw new KataError('ERR_INTERNAL', `path: ${JSON.stringify(path)} is a dead link`);
  if (made) chmodSync(directory.path, mode & PERMISSIONS);
  return directory;
}

/** The directory of the file. */
function parentOf(root: HeldDirectory, names: readonly string[], mode: number): HeldDirectory {
  let parent = root.below('.');
  for (let length = 1; length < names.length; length += 1) {
    const above = parent;
    parent = using(above, () => step(root, above, names.slice(0, length), mode));
  }
  return parent;
}

function copyDirectory(parent: HeldDirectory, name: string, mode: number, job: CopyJob): void {
  if (!isDirectory(parent, name)) {
    parent.remove(name);
    mkdirSync(parent.entry(name), { mode: PRIVATE_DIRECTORY });
  }
  using(HeldDirectory.open(parent.entry(name).toString()), (directory) => {
    // A change of owner clears bits of the mode.
    chownSync(directory.path, job.uid, job.gid);
    chmodSync(directory.path, mode);
  });
}

/** A rename replaces everything but a directory. */
function appear(parent: HeldDirectory, part: string, name: string): void {
  if (isDirectory(parent, name)) parent.remove(name);
  renameSync(parent.entry(part), parent.entry(name));
}

function copyLink(parent: HeldDirectory, name: string, target: Uint8Array, job: CopyJob): void {
  const part = partName(name);
  parent.remove(part);
  symlinkSync(Buffer.from(target), parent.entry(part));
  lchownSync(parent.entry(part), job.uid, job.gid);
  appear(parent, part, name);
}

function openPart(parent: HeldDirectory, part: string, offset: number): number {
  if (offset === 0) {
    parent.remove(part);
    return openSync(parent.entry(part), NEW_PART, PART_MODE);
  }
  try {
    return openSync(parent.entry(part), OPEN_PART);
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error;
    throw new KataError('ERR_INTERNAL', `offset: ${offset}, but the part before it is not there`);
  }
}

function writeAll(fd: number, data: Uint8Array, offset: number): void {
  for (let written = 0; written < data.length; ) {
    written += writeSync(fd, data, written, data.length - written, offset + written);
  }
}

function copyPart(parent: HeldDirectory, name: string, content: Part, job: CopyJob): void {
  const { offset, data, size, mode } = content;
  if (offset === 0 && isDirectory(parent, name)) parent.remove(name);
  const part = partName(name);
  const fd = openPart(parent, part, offset);
  try {
    const before = fstatSync(fd);
    // Whoever can write to the directory may have put something else there.
    if (!before.isFile() || before.nlink !== 1) throw new KataError('ERR_INTERNAL', `the part of ${name} is not ours`);
    if (offset > before.size) {
      throw new KataError('ERR_INTERNAL', `offset: ${offset}, but only ${before.size} bytes of the file are there`);
    }
    writeAll(fd, data, offset);
    if (fstatSync(fd).size !== size) return;
    // A change of owner clears bits of the mode.
    fchownSync(fd, job.uid, job.gid);
    fchmodSync(fd, mode);
  } finally {
    closeSync(fd);
  }
  appear(parent, part, name);
}

/** Does the job. @throws KataError, or an error of Node with its errno. */
export function copy(job: CopyJob): void {
  const { root, names, directoryMode, content } = job;
  using(HeldDirectory.make(root), (held) =>
    using(parentOf(held, names, directoryMode), (parent) => {
      chownSync(parent.path, job.uid, job.gid);
      const name = names.at(-1) ?? '';
      switch (content.kind) {
        case 'directory':
          return copyDirectory(parent, name, content.mode, job);
        case 'link':
          return copyLink(parent, name, content.target, job);
        case 'part':
          return copyPart(parent, name, content, job);
      }
    }),
  );
}
