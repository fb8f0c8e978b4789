/**
 * Keeps a small copy of a tree on the share: a share tells nobody of changes, and a copy in memory does. Files of a
 * directory are replaced as a whole; a single file is written in place, since containers have the file itself.
 */
import { Buffer } from 'node:buffer';
import {
  type BigIntStats,
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  ftruncateSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { O_CLOEXEC } from '../../../linux/pipe.ts';
import { HeldDirectory, using } from './held-directory.ts';
import type { MirrorJob, RemoveJob } from './job.ts';

/** More than that is no set of settings, and copying it every few seconds would cost too much. */
const MAX_ENTRIES = 16;
const MAX_BYTES = 1024 * 1024;

const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | O_CLOEXEC;
const WRITE = constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK | O_CLOEXEC;
const PRIVATE = 0o600;
const PRIVATE_DIRECTORY = 0o700;
const PERMISSIONS = 0o7777;
/** What is not complete yet. */
const PART = '.kata-part';

/** A file, directory or link of the source. Paths are bytes, each a character, since names may have any of them. */
interface Entry {
  readonly path: string;
  readonly stats: BigIntStats;
}

/** What each copy was made of, by the copy's path: only what has changed is copied again. */
const copied = new Map<string, Map<string, string>>();

function bytes(path: string): Buffer {
  return Buffer.from(path, 'latin1');
}

function join(directory: string, name: string): string {
  return directory === '' ? name : `${directory}/${name}`;
}

/** What changes when the entry does. */
function stampOf({ stats }: Entry): string {
  const { ino, size, mtimeNs, ctimeNs, mode, uid, gid } = stats;
  return [ino, size, mtimeNs, ctimeNs, mode, uid, gid].join(' ');
}

/** Everything in a directory, parents before children; undefined where it is too much. */
function scan(root: Buffer): readonly Entry[] | undefined {
  const entries: Entry[] = [];
  let total = 0n;
  const add = (directory: string): boolean => {
    const names = readdirSync(Buffer.concat([root, bytes(`/${directory}`)]), { encoding: 'buffer' });
    for (const name of names.map((raw) => raw.toString('latin1')).toSorted()) {
      const path = join(directory, name);
      const stats = lstatSync(Buffer.concat([root, bytes(`/${path}`)]), { bigint: true, throwIfNoEntry: false });
      if (stats === undefined) continue;
      entries.push({ path, stats });
      if (stats.isFile()) total += stats.size;
      if (entries.length > MAX_ENTRIES || total > BigInt(MAX_BYTES)) return false;
      if (stats.isDirectory() && !add(path)) return false;
    }
    return true;
  };
  return add('') ? entries : undefined;
}

function contentOf(path: Buffer): Buffer {
  const fd = openSync(path, READ);
  try {
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

function writeFile(path: Buffer, content: Buffer, stats: BigIntStats): void {
  const fd = openSync(path, WRITE, PRIVATE);
  try {
    for (let written = 0; written < content.length; ) {
      written += writeSync(fd, content, written, content.length - written, written);
    }
    ftruncateSync(fd, content.length);
    fchownSync(fd, Number(stats.uid), Number(stats.gid));
    fchmodSync(fd, Number(stats.mode) & PERMISSIONS);
  } finally {
    closeSync(fd);
  }
}

function isDirectory(path: Buffer): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function copyDirectory(parent: HeldDirectory, name: Buffer, stats: BigIntStats): void {
  if (!isDirectory(parent.entry(name))) {
    parent.remove(name);
    mkdirSync(parent.entry(name), { mode: PRIVATE_DIRECTORY });
  }
  using(parent.child(name), (directory) => {
    chownSync(directory.path, Number(stats.uid), Number(stats.gid));
    chmodSync(directory.path, Number(stats.mode) & PERMISSIONS);
  });
}

function copyEntry(parent: HeldDirectory, name: Buffer, source: Buffer, stats: BigIntStats): void {
  if (stats.isDirectory()) {
    copyDirectory(parent, name, stats);
    return;
  }
  parent.remove(PART);
  const part = parent.entry(PART);
  if (stats.isFile()) {
    writeFile(part, contentOf(source), stats);
  } else if (stats.isSymbolicLink()) {
    symlinkSync(readlinkSync(source, { encoding: 'buffer' }), part);
    lchownSync(part, Number(stats.uid), Number(stats.gid));
  } else {
    // A pipe or a socket is nothing that has content.
    return;
  }
  if (isDirectory(parent.entry(name))) parent.remove(name);
  renameSync(part, parent.entry(name));
}

/** Does `use` in the directory of an entry of the copy, in which no link is followed. */
function inParent(copy: HeldDirectory, path: string, use: (parent: HeldDirectory, name: Buffer) => void): void {
  const slash = path.indexOf('/');
  if (slash < 0) {
    use(copy, bytes(path));
    return;
  }
  using(copy.child(bytes(path.slice(0, slash))), (next) => inParent(next, path.slice(slash + 1), use));
}

function removeVanished(copy: HeldDirectory, directory: string, present: ReadonlySet<string>): void {
  for (const raw of copy.names()) {
    const path = join(directory, raw.toString('latin1'));
    if (!present.has(path)) copy.remove(raw);
    else if (isDirectory(copy.entry(raw))) using(copy.child(raw), (inside) => removeVanished(inside, path, present));
  }
}

function mirrorDirectory(root: HeldDirectory, { source, name }: MirrorJob, done: Map<string, string>): boolean {
  const from = Buffer.from(source);
  const entries = scan(from);
  if (entries === undefined) return false;
  copyDirectory(root, Buffer.from(name), statSync(source, { bigint: true }));
  using(root.child(name), (copy) => {
    // Links last: they are what makes new files take the place of old ones, all at once.
    const ordered = [
      ...entries.filter(({ stats }) => !stats.isSymbolicLink()),
      ...entries.filter(({ stats }) => stats.isSymbolicLink()),
    ];
    for (const entry of ordered) {
      const stamp = stampOf(entry);
      if (done.get(entry.path) === stamp) continue;
      const path = Buffer.concat([from, bytes(`/${entry.path}`)]);
      inParent(copy, entry.path, (parent, last) => copyEntry(parent, last, path, entry.stats));
      done.set(entry.path, stamp);
    }
    removeVanished(copy, '', new Set(entries.map(({ path }) => path)));
  });
  for (const path of done.keys()) if (!entries.some((entry) => entry.path === path)) done.delete(path);
  return true;
}

function mirrorFile(root: HeldDirectory, { source, name }: MirrorJob, done: Map<string, string>): boolean {
  const stats = statSync(source, { bigint: true });
  if (stats.size > BigInt(MAX_BYTES)) return false;
  const stamp = stampOf({ path: '', stats });
  if (done.get('') === stamp) return true;
  writeFile(root.entry(name), contentOf(Buffer.from(source)), stats);
  done.set('', stamp);
  return true;
}

/** Does the job. @throws an error of Node with its errno; KataError. */
export function mirror(job: MirrorJob): boolean {
  const key = `${job.root}/${job.name}`;
  return using(HeldDirectory.open(job.root), (root) => {
    // A copy that is not there was removed: it is made anew, whatever was copied before.
    const present = lstatSync(root.entry(job.name), { throwIfNoEntry: false }) !== undefined;
    const done = (present ? copied.get(key) : undefined) ?? new Map<string, string>();
    const mirrored = statSync(job.source).isDirectory()
      ? mirrorDirectory(root, job, done)
      : mirrorFile(root, job, done);
    if (mirrored) copied.set(key, done);
    else copied.delete(key);
    return mirrored;
  });
}

/** Removes a copy, and nothing that is mounted in its place. @throws KataError ERR_SYSCALL: EXDEV for a mount. */
export function removeMirror({ root, name }: RemoveJob): void {
  copied.delete(`${root}/${name}`);
  using(HeldDirectory.open(root), (directory) => directory.remove(name));
}
