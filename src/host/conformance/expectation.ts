/** What a scenario expects, and the sentence that tells of what came instead. */
import { isDeepStrictEqual } from 'node:util';
import { KataError } from '../../wire/error.ts';

/** Characters of a value that a sentence shows. */
const SHOWN_LENGTH = 200;

/**
 * The failure of a scenario.
 * @param what was looked at.
 * @param expected and what came, in words.
 */
export function unmet(what: string, expected: string, came: string): KataError {
  return new KataError('ERR_FAILED_PRECONDITION', `${what}: expected ${expected}, came ${came}`);
}

/** @throws KataError where the condition does not hold. */
export function expectThat(holds: boolean, what: string, expected: string, came: unknown): void {
  if (!holds) throw unmet(what, expected, show(came));
}

/** @throws KataError where the two differ. */
export function expectEqual(what: string, came: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(came, expected)) throw unmet(what, show(expected), show(came));
}

/** @throws KataError where the text does not have the pattern in it. */
export function expectMatch(what: string, came: string, expected: RegExp): void {
  if (!expected.test(came)) throw unmet(what, `${expected}`, show(came));
}

/** What an error answer must be like. */
export interface Refusal {
  /** The statuses that are right; any where there are none. */
  readonly statuses?: readonly number[];
  readonly text?: RegExp;
}

/**
 * Waits for a call that the agent must refuse.
 * @throws KataError where it did not, or with another status or text; a call without an answer throws what it threw.
 */
export async function expectRefusal(
  what: string,
  call: Promise<unknown>,
  { statuses, text }: Refusal = {},
): Promise<void> {
  const error = await call.then(() => undefined, KataError.from);
  if (error === undefined)
    throw unmet(what, `an error${statuses === undefined ? '' : ` ${statuses.join(' or ')}`}`, 'OK');
  if (!isRefusal(error)) throw error;
  if (statuses !== undefined && !statuses.includes(error.status)) {
    throw unmet(what, `error ${statuses.join(' or ')}`, `${error.status} ${show(error.message)}`);
  }
  if (text !== undefined) expectMatch(`${what}: text of the error`, error.message, text);
}

/** True for an error that the agent itself answered with; false for ours, and for a call that had no answer. */
export function isRefusal(error: KataError): boolean {
  if (error.code === 'ERR_CANCELLED' || error.message.startsWith('ttrpc: closed')) return false;
  // Our own says which call it was.
  return error.code !== 'ERR_DEADLINE' || !error.message.includes('had no answer within');
}

/** A value in a sentence. */
export function show(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : (JSON.stringify(value) ?? String(value));
  return text.length <= SHOWN_LENGTH ? text : `${text.slice(0, SHOWN_LENGTH)}...`;
}
