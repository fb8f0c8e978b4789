/** Gives a volume to a group: fsGroup of Kubernetes. Links are left alone, and nothing is reached by way of one. */
import { chmodSync, chownSync, closeSync, constants, fstatSync, openSync, type Stats } from 'node:fs';
import { O_PATH } from '../../../linux/open-at.ts';
import { O_CLOEXEC } from '../../../linux/pipe.ts';
import { hasErrno } from '../../../wire/error.ts';
import { checkDepth, HeldDirectory } from './held-directory.ts';
import type { FsGroupJob } from './job.ts';

const ENTRY = O_PATH | constants.O_NOFOLLOW | O_CLOEXEC;
const KEEP_OWNER = -1;
const PERMISSIONS = 0o7777;
const READ_WRITE = 0o660;
const READ_ONLY = 0o440;
/** What is made in a directory is the group's too, and both may look into it. */
const DIRECTORY = 0o2110;

function wanted(stats: Stats, readOnly: boolean): number {
  return (readOnly ? READ_ONLY : READ_WRITE) | (stats.isDirectory() ? DIRECTORY : 0);
}

function give(fd: number, stats: Stats, job: FsGroupJob): void {
  const path = `/proc/self/fd/${fd}`;
  chownSync(path, KEEP_OWNER, job.gid);
  // After the change of owner, which clears bits of the mode.
  chmodSync(path, (stats.mode & PERMISSIONS) | wanted(stats, job.readOnly));
}

/** @param fd of the entry; O_PATH. */
function walk(fd: number, device: number, depth: number, job: FsGroupJob): void {
  const stats = fstatSync(fd);
  // What is mounted below the volume is not the volume's.
  if (stats.isSymbolicLink() || stats.dev !== device) return;
  give(fd, stats, job);
  if (!stats.isDirectory()) return;
  checkDepth(depth);
  const directory = new HeldDirectory(fd);
  for (const name of directory.names()) {
    const entry = openIfThere(directory.entry(name));
    if (entry === undefined) continue;
    try {
      walk(entry, device, depth + 1, job);
    } finally {
      closeSync(entry);
    }
  }
}

/** Somebody else may remove files meanwhile. */
function openIfThere(path: Buffer): number | undefined {
  try {
    return openSync(path, ENTRY);
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function isRight(stats: Stats, job: FsGroupJob): boolean {
  const bits = wanted(stats, job.readOnly);
  return stats.gid === job.gid && (stats.mode & bits) === bits;
}

/** Does the job. @returns false where the file system is read-only: it is as it is then. */
export function fsGroup(job: FsGroupJob): boolean {
  const fd = openSync(job.path, ENTRY);
  try {
    const stats = fstatSync(fd);
    if (!(job.onlyOnMismatch && isRight(stats, job))) walk(fd, stats.dev, 1, job);
    return true;
  } catch (error) {
    if (!hasErrno(error, 'EROFS')) throw error;
    return false;
  } finally {
    closeSync(fd);
  }
}
