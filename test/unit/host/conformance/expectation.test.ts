import { describe, expect, it } from 'vitest';
import {
  expectEqual,
  expectMatch,
  expectRefusal,
  expectThat,
  isRefusal,
  show,
} from '../../../../src/host/conformance/expectation.ts';
import { KataError } from '../../../../src/wire/error.ts';

const refused = (status: 3 | 5 | 13, text: string): Promise<never> =>
  Promise.reject(new KataError('ERR_INTERNAL', text, { status }));

describe('expectations', () => {
  it('say nothing where they are met', async () => {
    expectThat(true, 'x', 'y', 'z');
    expectEqual('list', [1, { a: 'b' }], [1, { a: 'b' }]);
    expectMatch('text', 'a word', /word/);
    await expectRefusal('call', refused(5, 'nobody'), { statuses: [3, 5], text: /nobody/ });
    await expectRefusal('call', refused(13, 'x'));
  });

  it.each([
    [() => expectThat(false, 'size', 'a number', 'x'), 'size: expected a number, came "x"'],
    [() => expectEqual('list', [1], ['1']), 'list: expected ["1"], came [1]'],
    [() => expectEqual('nothing', undefined, 0), 'nothing: expected 0, came undefined'],
    [() => expectMatch('text', 'a', /b/), 'text: expected /b/, came "a"'],
  ])('tell what was expected and what came (%#)', (look, message) => {
    expect(look).toThrow(new KataError('ERR_FAILED_PRECONDITION', message));
  });

  it.each([
    [() => Promise.resolve({}), { statuses: [3] }, 'Start: expected an error 3, came OK'],
    [() => Promise.resolve({}), {}, 'Start: expected an error, came OK'],
    [() => refused(13, 'no'), { statuses: [3, 5] }, 'Start: expected error 3 or 5, came 13 "no"'],
    [() => refused(3, 'no'), { text: /yes/ }, 'Start: text of the error: expected /yes/, came "no"'],
  ])('tell of a refusal that is none, or another one (%#)', async (call, refusal, message) => {
    await expect(expectRefusal('Start', call(), refusal)).rejects.toThrow(message);
  });

  it.each([
    new KataError('ERR_CANCELLED', 'Check was given up'),
    new KataError('ERR_UNAVAILABLE', 'ttrpc: closed'),
    new KataError('ERR_DEADLINE', 'Check had no answer within 5 ms'),
  ])('take no call without an answer for a refusal: $message', async (error) => {
    expect(isRefusal(error)).toBe(false);
    await expect(expectRefusal('call', Promise.reject(error))).rejects.toBe(error);
  });

  it('take the end of a deadline at the agent for a refusal', () => {
    expect(isRefusal(new KataError('ERR_DEADLINE', 'timeout'))).toBe(true);
  });

  it('cut what is long', () => {
    expect(show('x'.repeat(1000))).toHaveLength(203);
  });
});
