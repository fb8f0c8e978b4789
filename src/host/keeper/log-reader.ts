/** Reads a container's log, also while it is written, without the help of whoever writes it. */
import { watch } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { hasErrno, KataError } from '../../wire/error.ts';
import { LogParser, type LogRecord, type OutputStream } from './log-record.ts';
import type { LogPaths } from './log-writer.ts';

/** Bytes of one read. */
const READ_BYTES = 256 << 10;
/** A change that the kernel did not tell of shows after this time (ms); a removed directory is one. */
const LOOK_INTERVAL_MS = 500;

/** What a log gives. */
export type LogEvent =
  | { readonly kind: OutputStream; readonly bytes: Buffer }
  /** So many bytes were in the log once, or could not be written. */
  | { readonly kind: 'missing'; readonly count: number }
  /** Everything that was in the log when reading began has been given. */
  | { readonly kind: 'caught up' };

/**
 * Gives what a log holds, and with `follow` what is added to it until its container's output has ended.
 * @throws KataError ERR_NOT_FOUND where there is no log, ERR_PROTOCOL where it is damaged; with `follow`
 *   ERR_UNAVAILABLE where it was removed before its end.
 */
export async function* readLog(paths: LogPaths, follow: boolean): AsyncGenerator<LogEvent, void> {
  using changes = new Changes(dirname(paths.current));
  let position = 0;
  let caughtUp = false;
  let removed = false;
  let segments = await openSegments(paths);
  if (segments.length === 0) throw new KataError('ERR_NOT_FOUND', 'there is no log');
  try {
    for (;;) {
      const last = segments.at(-1);
      for (const segment of segments) {
        for await (const record of segment.records()) {
          if (record.kind === 'end') {
            if (!caughtUp) yield { kind: 'caught up' };
            return;
          }
          if (record.kind === 'position') {
            const start = Number(record.bytes.toString('latin1'));
            if (start > position) yield { kind: 'missing', count: start - position };
            position = start;
          } else {
            position += record.bytes.length;
            yield { kind: record.kind, bytes: record.bytes };
          }
        }
        if (segment !== last) await segment.file.close();
      }
      if (!caughtUp) yield { kind: 'caught up' };
      caughtUp = true;
      if (!follow || last === undefined) return;
      segments = [last];
      if (removed) throw new KataError('ERR_UNAVAILABLE', 'the log was removed');
      await changes.next();
      segments = await nextSegments(paths, last);
      // Its last words may have come after the last look, so a removed log is read once more.
      removed = segments.length === 1 && (await last.isRemoved());
    }
  } finally {
    for (const { file } of segments) await file.close().catch(() => {});
  }
}

/** One file of a log. */
class Segment {
  readonly inode: number;
  readonly file: FileHandle;
  readonly #parser = new LogParser();

  constructor(file: FileHandle, inode: number) {
    this.file = file;
    this.inode = inode;
  }

  /** True where no directory has it any more. */
  async isRemoved(): Promise<boolean> {
    return (await this.file.stat()).nlink === 0;
  }

  /** The records that have come since the last call. */
  async *records(): AsyncGenerator<LogRecord, void> {
    for (;;) {
      const buffer = Buffer.allocUnsafe(READ_BYTES);
      const { bytesRead } = await this.file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return;
      yield* this.#parser.feed(buffer.subarray(0, bytesRead));
    }
  }
}

/** The files of a log, oldest first. One that takes the other's place meanwhile is looked at again. */
async function openSegments({ current, older }: LogPaths): Promise<Segment[]> {
  for (;;) {
    const last = await openSegment(current);
    if (last === undefined) return [];
    const first = await openSegment(older);
    if ((await inodeOf(current)) === last.inode) {
      if (first === undefined) return [last];
      if (first.inode !== last.inode) return [first, last];
      await first.file.close();
      return [last];
    }
    await first?.file.close();
    await last.file.close();
  }
}

/** What to read after `last`: what has come to it since, and the files after it. */
async function nextSegments(paths: LogPaths, last: Segment): Promise<Segment[]> {
  const inode = await inodeOf(paths.current);
  if (inode === last.inode || inode === undefined) return [last];
  const next = [last];
  for (const segment of await openSegments(paths)) {
    if (segment.inode === last.inode) await segment.file.close();
    else next.push(segment);
  }
  return next;
}

async function openSegment(path: string): Promise<Segment | undefined> {
  try {
    const file = await open(path, 'r');
    return new Segment(file, (await file.stat()).ino);
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function inodeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).ino;
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

/** Tells of changes in a directory. One that comes while nobody waits is kept for the next who does. */
class Changes implements Disposable {
  readonly #watcher: { close(): void } | undefined;
  #pending = false;
  #wake: () => void = () => {};

  constructor(directory: string) {
    try {
      const watcher = watch(directory, () => this.#changed());
      // What it cannot tell, the next look finds.
      watcher.on('error', () => {});
      this.#watcher = watcher;
    } catch {
      // The kernel's limit of watches is reached, or there is no such directory.
      this.#watcher = undefined;
    }
  }

  /** Resolves after a change, or when it is time to look. */
  async next(): Promise<void> {
    if (!this.#pending) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, LOOK_INTERVAL_MS);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#pending = false;
  }

  [Symbol.dispose](): void {
    this.#watcher?.close();
  }

  #changed(): void {
    this.#pending = true;
    this.#wake();
  }
}
