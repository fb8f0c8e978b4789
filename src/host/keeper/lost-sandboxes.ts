/**
 * What is left of sandboxes whose machine was lost: their last state, why, and the logs of their containers, until
 * somebody removes it, takes the name again, or the host boots.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasErrno } from '../../wire/error.ts';
import { checkName } from '../name.ts';
import { type Decoder, decodeJson, number, object } from './json.ts';
import { type ErrorInfo, errorInfo, LOG_DIRECTORY, type SandboxInfo, sandboxInfo } from './protocol.ts';

/** No sandbox can be called so. */
const DIRECTORY = '.lost';
const RECORD = 'record.json';

/** A sandbox that was lost. */
export interface LostSandbox {
  readonly info: SandboxInfo;
  readonly error: ErrorInfo;
  /** Milliseconds since 1970. */
  readonly at: number;
}

const lostSandbox: Decoder<LostSandbox> = object({ info: sandboxInfo, error: errorInfo, at: number });

/** The lost sandboxes below a run root. */
export class LostSandboxes {
  readonly #directory: string;

  constructor(runRoot: string) {
    this.#directory = join(runRoot, DIRECTORY);
  }

  /**
   * Keeps a record, and the logs, which are taken out of the state directory.
   * @param logDirectory on the same file system.
   */
  add(lost: LostSandbox, logDirectory: string): void {
    const path = this.#path(lost.info.id);
    this.remove(lost.info.id);
    mkdirSync(path, { recursive: true, mode: 0o700 });
    renameSync(logDirectory, join(path, LOG_DIRECTORY));
    writeFileSync(join(path, RECORD), JSON.stringify(lost));
  }

  /** The record of a name, or undefined. */
  get(id: string): LostSandbox | undefined {
    try {
      return decodeJson(readFileSync(join(this.#path(id), RECORD), 'utf8'), lostSandbox, 'record');
    } catch {
      return undefined;
    }
  }

  /** All records that can be read. */
  all(): LostSandbox[] {
    try {
      return readdirSync(this.#directory).flatMap((id) => this.get(id) ?? []);
    } catch (error) {
      if (hasErrno(error, 'ENOENT')) return [];
      throw error;
    }
  }

  /** Directory of a lost sandbox's logs. */
  logDirectory(id: string): string {
    return join(this.#path(id), LOG_DIRECTORY);
  }

  /** Forgets a name. Nothing happens where it is not known. */
  remove(id: string): void {
    rmSync(this.#path(id), { recursive: true, force: true });
  }

  #path(id: string): string {
    return join(this.#directory, checkName('sandbox', id));
  }
}
