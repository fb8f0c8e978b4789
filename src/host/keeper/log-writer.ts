/** Writes a container's log: two files at most, the older one given up for room. */
import { type FileHandle, link, open, rename, rm } from 'node:fs/promises';
import { encodeRecord, type OutputStream } from './log-record.ts';

/** A file that has reached this size becomes the older one, so between 32 and 64 MiB of the newest output are kept. */
const MAX_FILE_BYTES = 32 << 20;

/** Paths of a log's files: the newer one, and what came before it. */
export interface LogPaths {
  readonly current: string;
  readonly older: string;
}

/** @param directory of the logs of a sandbox. */
export function logPaths(directory: string, containerId: string): LogPaths {
  const current = `${directory}/${containerId}.log`;
  return { current, older: `${current}.1` };
}

/** The log of one container. Calls are served one after the other. */
export class LogWriter {
  readonly #paths: LogPaths;
  readonly #maxFileBytes: number;
  #file: FileHandle;
  /** Length of the file up to its last whole record. */
  #length = 0;
  /** Bytes of output so far, those that could not be written too. */
  #position = 0;
  /** The next record must be preceded by the position. */
  #gap = true;
  #ended = false;
  #last: Promise<void> = Promise.resolve();

  private constructor(paths: LogPaths, file: FileHandle, maxFileBytes: number) {
    this.#paths = paths;
    this.#file = file;
    this.#maxFileBytes = maxFileBytes;
  }

  /**
   * Makes a log.
   * @param maxFileBytes size at which a new file is begun.
   * @throws an error of the file system.
   */
  static async create(paths: LogPaths, maxFileBytes: number = MAX_FILE_BYTES): Promise<LogWriter> {
    return new LogWriter(paths, await create(paths.current), maxFileBytes);
  }

  /**
   * Adds output; resolves when it is in the file. A file system that is full does not stop the program: the bytes count
   * as missing, and a later record tells how many.
   */
  append(stream: OutputStream, bytes: Uint8Array): Promise<void> {
    return this.#queue(async () => {
      if (this.#ended) return;
      await this.#put(stream, bytes);
      this.#position += bytes.length;
    });
  }

  /** Marks the end and closes the file. Nothing happens a second time. */
  end(): Promise<void> {
    return this.#queue(async () => {
      if (this.#ended) return;
      this.#ended = true;
      await this.#put('end', new Uint8Array());
      await this.#file.close();
    });
  }

  #queue(work: () => Promise<void>): Promise<void> {
    this.#last = this.#last.then(work);
    return this.#last;
  }

  async #put(kind: OutputStream | 'end', bytes: Uint8Array): Promise<void> {
    const now = Date.now();
    try {
      if (this.#length >= this.#maxFileBytes) await this.#rotate();
      const position = this.#gap ? encodeRecord('position', Buffer.from(`${this.#position}`), now) : new Uint8Array();
      const record = Buffer.concat([position, encodeRecord(kind, bytes, now)]);
      await this.#file.writeFile(record);
      this.#length += record.length;
      this.#gap = false;
    } catch {
      // Half a record would spoil what comes after it.
      await this.#file.truncate(this.#length).catch(() => {});
      this.#gap = true;
    }
  }

  /** There is a file of the current name at every moment, for readers that look for it. */
  async #rotate(): Promise<void> {
    const { current, older } = this.#paths;
    const fresh = `${current}.new`;
    await rm(fresh, { force: true });
    const next = await create(fresh);
    await rm(older, { force: true });
    await link(current, older);
    await rename(fresh, current);
    await this.#file.close();
    this.#file = next;
    this.#length = 0;
    this.#gap = true;
  }
}

/** A file that is appended to: after a cut, the next bytes follow the last ones that are left. */
function create(path: string): Promise<FileHandle> {
  return open(path, 'ax', 0o600);
}
