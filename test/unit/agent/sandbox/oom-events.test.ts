import { describe, expect, it } from 'vitest';
import { createLogger } from '../../../../src/agent/log/logger.ts';
import { OomEvents } from '../../../../src/agent/sandbox/oom-events.ts';

const quiet = createLogger({ write: () => {} }, 'fatal');
const { signal: forever } = new AbortController();

describe('OomEvents', () => {
  it('gives each event to one caller, in the order of the calls', async () => {
    const events = new OomEvents(quiet);
    events.push('a');
    const calls = [events.next(forever), events.next(forever), events.next(forever)];
    events.push('b');
    events.push('c');
    expect(await Promise.all(calls)).toEqual(['a', 'b', 'c']);
  });

  it('takes no event with a caller that has gone', async () => {
    const events = new OomEvents(quiet);
    const caller = new AbortController();
    const going = events.next(caller.signal);
    const staying = events.next(forever);
    caller.abort();
    events.push('a');
    await expect(going).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
    expect(await staying).toBe('a');
    await expect(events.next(AbortSignal.abort())).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
  });

  it('keeps the first hundred where nobody asks, and logs the others', async () => {
    const lines: string[] = [];
    const events = new OomEvents(createLogger({ write: (line) => void lines.push(line) }, 'warn'));
    for (let index = 0; index < 102; index += 1) events.push(`c${index}`);
    const all = await Promise.all(Array.from({ length: 100 }, () => events.next(forever)));
    expect(all.at(-1)).toBe('c99');
    expect(lines.map((line) => /"container-id":"(c\d+)"/.exec(line)?.[1])).toEqual(['c100', 'c101']);
  });

  it('tells all callers of its end, those of later too', async () => {
    const events = new OomEvents(quiet);
    const waiting = events.next(forever);
    events.close();
    events.push('a');
    const end = { status: 13, message: '""' };
    await expect(waiting).rejects.toMatchObject(end);
    await expect(events.next(forever)).rejects.toMatchObject(end);
  });
});
