/** What comes of a scenario. */
import { KataError } from '../../wire/error.ts';

/** See above. */
export type Verdict =
  /** Everything was as expected. */
  | { readonly is: 'pass'; readonly ms: number }
  /** Something was not; the reason is one line. */
  | { readonly is: 'fail'; readonly reason: string; readonly ms: number }
  /** An earlier failure left no agent to ask. It counts as a failure. */
  | { readonly is: 'not-run'; readonly reason: string };

/** A scenario by its name, and what came of it. */
export interface Outcome {
  readonly name: string;
  readonly about: string;
  readonly verdict: Verdict;
}

/** Characters of a reason. An agent's errors may have a stack of calls behind their first line. */
const REASON_LENGTH = 300;

/** What is known of the calls of a scenario. */
export interface CallRecord {
  /** Methods that have had no answer. */
  readonly waiting: readonly string[];
  /** The method that was answered with that error, where one was. */
  methodOf(error: KataError): string | undefined;
}

/** The verdict on a scenario that threw. */
export function failure(thrown: unknown, calls: CallRecord, ms: number): Verdict {
  const error = KataError.from(thrown);
  const method = calls.methodOf(error);
  const silent = error.code === 'ERR_DEADLINE' || error.code === 'ERR_CANCELLED';
  const waiting = silent && calls.waiting.length > 0 ? [...new Set(calls.waiting)].join(', ') : '';
  const reason = [
    method === undefined ? '' : `${method} answered ${error.status}: `,
    oneLine(error.message),
    waiting === '' ? '' : `; without an answer: ${waiting}`,
  ].join('');
  return { is: 'fail', reason, ms };
}

function oneLine(text: string): string {
  const line = (text.trim().split('\n')[0] ?? '').trim();
  return line.length <= REASON_LENGTH ? line : `${line.slice(0, REASON_LENGTH)}...`;
}

/** True where every scenario passed, and there was one. */
export function allPassed(outcomes: readonly Outcome[]): boolean {
  return outcomes.length > 0 && outcomes.every(({ verdict }) => verdict.is === 'pass');
}
