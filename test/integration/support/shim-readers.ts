/** Reads a process's output as Kata's shims do. There are two habits, and an agent must bring both to an end. */

import { KataError } from '../../../src/wire/error.ts';
import type { AgentClient } from '../../../src/wire/ttrpc/agent-client.ts';
import type { ProcessRef } from './exec.ts';

/** Bytes that the shims ask for. */
const READ_BYTES = 32 * 1024;
/** Empty answers in a row after which a reader that takes them for "nothing yet" is known to go round for ever. */
const MAX_EMPTY_READS = 100;

type Output = 'ReadStdout' | 'ReadStderr';

/** What a reader got. */
export interface ReadResult {
  readonly data: Buffer;
  /** Answers without bytes and without an error. */
  readonly emptyReads: number;
  /** The error that ended it, where one did. */
  readonly error: KataError | undefined;
}

/** Shims up to 3.19 take an answer without bytes for "nothing yet": only an error ends their loop. */
export function readUntilError(calls: AgentClient, ref: ProcessRef, output: Output): Promise<ReadResult> {
  return readLoop(calls, ref, output, MAX_EMPTY_READS);
}

/** Newer shims end at the first answer without bytes, or at an error. */
export function readUntilEmpty(calls: AgentClient, ref: ProcessRef, output: Output): Promise<ReadResult> {
  return readLoop(calls, ref, output, 1);
}

async function readLoop(
  { agent }: AgentClient,
  ref: ProcessRef,
  output: Output,
  maxEmptyReads: number,
): Promise<ReadResult> {
  const chunks: Uint8Array[] = [];
  let emptyReads = 0;
  while (emptyReads < maxEmptyReads) {
    try {
      const { data } = await agent[output]({ ...ref, len: READ_BYTES });
      if (data.length === 0) emptyReads += 1;
      else chunks.push(data);
    } catch (error) {
      return { data: Buffer.concat(chunks), emptyReads, error: KataError.from(error) };
    }
  }
  return { data: Buffer.concat(chunks), emptyReads, error: undefined };
}
