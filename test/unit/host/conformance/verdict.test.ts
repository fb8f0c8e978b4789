import { describe, expect, it } from 'vitest';
import { allPassed, failure, type Verdict } from '../../../../src/host/conformance/verdict.ts';
import { KataError } from '../../../../src/wire/error.ts';

const NO_CALLS = { waiting: [], methodOf: () => undefined };
const PASS: Verdict = { is: 'pass', ms: 1 };

describe('failure()', () => {
  it('keeps the first line of an error, and not more of it than fits', () => {
    expect(failure(new Error('one\ntwo'), NO_CALLS, 5)).toEqual({ is: 'fail', reason: 'one', ms: 5 });
    expect(failure('x'.repeat(2000), NO_CALLS, 5)).toMatchObject({ reason: `${'x'.repeat(300)}...` });
  });

  it('names the call that was answered with the error', () => {
    const error = new KataError('ERR_NOT_FOUND', 'nobody');
    const calls = { waiting: ['WaitProcess'], methodOf: (each: KataError) => (each === error ? 'Exec' : undefined) };
    expect(failure(error, calls, 0)).toMatchObject({ reason: 'Exec answered 5: nobody' });
  });

  it('names the calls that had no answer, each once', () => {
    const calls = { waiting: ['ReadStdout', 'WaitProcess', 'ReadStdout'], methodOf: () => undefined };
    const late = new KataError('ERR_DEADLINE', 'not at its end within 30 s');
    const reason = 'not at its end within 30 s; without an answer: ReadStdout, WaitProcess';
    expect(failure(late, calls, 0)).toMatchObject({ reason });
  });
});

describe('allPassed()', () => {
  const outcome = (verdict: Verdict) => ({ name: 'x', about: '', verdict });

  it('wants one, and no other than passes', () => {
    expect(allPassed([])).toBe(false);
    expect(allPassed([outcome(PASS), outcome(PASS)])).toBe(true);
    expect(allPassed([outcome(PASS), outcome({ is: 'not-run', reason: 'lost' })])).toBe(false);
    expect(allPassed([outcome({ is: 'fail', reason: 'no', ms: 1 })])).toBe(false);
  });
});
