/** Writing to files of a cgroup: all of it, or nothing. */
import { readFile, writeFile } from 'node:fs/promises';
import { KataError } from '../../wire/error.ts';
import { badField } from './oci-spec/bad-field.ts';

/** One file and what it shall say. */
export interface CgroupWrite {
  readonly path: string;
  readonly text: string;
  /** Field of the request that asks for it, and its value, for messages. */
  readonly field: string;
  readonly given: string;
}

/**
 * Writes one after the other. Where the kernel refuses one, those before it are set back.
 * It may take a while: the kernel gives memory back before it takes a lower limit. Therefore none of it is done by the
 * agent's main thread.
 * @throws KataError (INTERNAL on the wire) naming field and value of the one that was refused.
 */
export async function writeAll(writes: readonly CgroupWrite[]): Promise<void> {
  const before: string[] = [];
  for (const write of writes) before.push(await attempt(write, () => readFile(write.path, 'utf8')));
  for (const [index, write] of writes.entries()) {
    try {
      await attempt(write, () => put(write.path, write.text));
    } catch (error) {
      await setBack(writes.slice(0, index), before);
      throw error;
    }
  }
}

/** Backwards: where one value bounds another, the order in which they were raised is the one that they cannot be lowered in. */
async function setBack(written: readonly CgroupWrite[], before: readonly string[]): Promise<void> {
  for (const [index, write] of [...written.entries()].toReversed()) {
    await attempt(write, () => put(write.path, before[index] ?? ''));
  }
}

/** An empty list, such as of processors, is written as an empty line: to write nothing is no write. */
function put(path: string, text: string): Promise<void> {
  return writeFile(path, text === '' ? '\n' : text, { flag: 'r+' });
}

async function attempt<T>({ field, given }: CgroupWrite, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { errno } = KataError.from(error);
    throw badField(field, given, `is refused by the kernel${errno === undefined ? '' : ` (${errno})`}`);
  }
}
