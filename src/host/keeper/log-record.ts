/**
 * The form of a container's log: records, each a line of text with the length of the bytes that follow it.
 *
 *     2026-01-31T12:00:00.000Z stdout 6
 *     hello
 *
 * that is `TIME KIND LENGTH\n`, LENGTH bytes, `\n`. Bytes come back exactly, whatever they are, and `less` shows the file.
 * Kinds: `stdout`, `stderr`; `position`, whose bytes are the decimal count of all output bytes before it, so that a reader
 * learns how many it missed; `end`, after which nothing comes.
 */
import { KataError } from '../../wire/error.ts';

/** Where bytes of output came from. */
export type OutputStream = 'stdout' | 'stderr';
export type LogKind = OutputStream | 'position' | 'end';

/** A record of a log. */
export interface LogRecord {
  readonly kind: LogKind;
  readonly bytes: Buffer;
}

const HEADER = /^\S+ (stdout|stderr|position|end) (\d{1,9})$/;
/** A time, the longest kind and nine digits are 43 characters. */
const HEADER_MAX_BYTES = 64;
/** More than any single read of output gives. */
const RECORD_MAX_BYTES = 16 << 20;
const NEWLINE = 0x0a;

/** @param time milliseconds since 1970. */
export function encodeRecord(kind: LogKind, bytes: Uint8Array, time: number): Buffer {
  const header = `${new Date(time).toISOString()} ${kind} ${bytes.length}\n`;
  return Buffer.concat([Buffer.from(header, 'latin1'), bytes, Buffer.of(NEWLINE)]);
}

/** Cuts a log into records, from pieces of any size. */
export class LogParser {
  #rest: Buffer = Buffer.alloc(0);

  /**
   * The records that are complete with these bytes.
   * @throws KataError ERR_PROTOCOL where the bytes are no log.
   */
  feed(chunk: Buffer): LogRecord[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const records: LogRecord[] = [];
    let at = 0;
    for (;;) {
      const end = bytes.indexOf(NEWLINE, at);
      if (end < 0) {
        if (bytes.length - at > HEADER_MAX_BYTES) throw damaged();
        break;
      }
      const { kind, length } = parseHeader(bytes.toString('latin1', at, end));
      const next = end + 1 + length + 1;
      if (next > bytes.length) break;
      if (bytes[next - 1] !== NEWLINE) throw damaged();
      records.push({ kind, bytes: bytes.subarray(end + 1, next - 1) });
      at = next;
    }
    this.#rest = Buffer.from(bytes.subarray(at));
    return records;
  }
}

function parseHeader(line: string): { kind: LogKind; length: number } {
  const [, kind, digits] = HEADER.exec(line) ?? [];
  const length = Number(digits);
  if (kind === undefined || length > RECORD_MAX_BYTES) throw damaged();
  // Reason for the cast: the expression admits no other words.
  return { kind: kind as LogKind, length };
}

function damaged(): KataError {
  return new KataError('ERR_PROTOCOL', 'the log is damaged');
}
