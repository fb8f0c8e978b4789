/** Calls that an unmodified Kata shim made, read from the fixtures beside this file. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One call, as it went over the wire. */
export interface RecordedCall {
  /** What the shim's client was told to do. */
  readonly scenario: string;
  readonly service: string;
  readonly method: string;
  /** Deadline (ms); undefined for none. */
  readonly timeoutMs: number | undefined;
  readonly payload: Buffer;
}

/** Which client of which version. */
export const RECORDINGS = ['shim-3.5.0-remote', 'shim-3.5.0-cloud-hypervisor', 'shim-2.2.0-crio'] as const;
export type RecordingName = (typeof RECORDINGS)[number];

/** Reads a recording: its calls in the order in which they were sent. */
export function readRecording(name: RecordingName): RecordedCall[] {
  const text = readFileSync(join(import.meta.dirname, `fixtures/${name}.jsonl`), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => {
      // Reason for the cast: the lines are our own fixture's; their README tells the members.
      const { hex, timeoutMs, ...call } = JSON.parse(line) as Omit<RecordedCall, 'payload'> & { hex: string };
      return { ...call, timeoutMs, payload: Buffer.from(hex, 'hex') };
    });
}
