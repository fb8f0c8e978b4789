import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StageCache, stageKey } from '../../../../build/guest/cache.ts';

describe('stageKey', () => {
  it('differs where two lists of pairs have the same text', () => {
    expect(stageKey([['ab', 'c']])).not.toBe(stageKey([['a', 'bc']]));
    expect(
      stageKey([
        ['a', 'b'],
        ['c', 'd'],
      ]),
    ).not.toBe(stageKey([['a', 'bc=d']]));
  });

  it('is the same for the same pairs', () => {
    expect(stageKey([['a', Buffer.from('b')]])).toBe(stageKey([['a', 'b']]));
  });
});

describe('StageCache', () => {
  let directory = '';
  let cache = new StageCache('');
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'kata-cache-'));
    cache = new StageCache(directory);
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const write = (text: string) => async (aside: string) => {
    await Promise.resolve();
    writeFileSync(join(aside, 'result'), text);
  };

  it('makes an entry once', async () => {
    const first = await cache.entry('stage', 'key', write('one'));
    const second = await cache.entry('stage', 'key', write('two'));
    expect([first.wasCached, second.wasCached]).toEqual([false, true]);
    expect(readFileSync(join(second.directory, 'result'), 'utf8')).toBe('one');
  });

  it('keeps nothing of what failed', async () => {
    const failing = cache.entry('stage', 'key', (aside) => {
      writeFileSync(join(aside, 'half'), '');
      return Promise.reject(new Error('disk full'));
    });
    await expect(failing).rejects.toThrow('disk full');
    expect(readdirSync(join(directory, 'stage'))).toEqual([]);
    await cache.entry('stage', 'key', write('whole'));
    expect(readdirSync(join(directory, 'stage/key'))).toEqual(['result']);
  });

  it('gives both the same entry where two make it at once', async () => {
    const both = await Promise.all([
      cache.entry('stage', 'key', write('same')),
      cache.entry('stage', 'key', write('same')),
    ]);
    expect(both[0].directory).toBe(both[1].directory);
    expect(readdirSync(join(directory, 'stage'))).toEqual(['key']);
  });

  it('prunes what was not used for longest, and what killed builds left, but nothing that is being made', async () => {
    for (let age = 1; age <= 5; age++) {
      const { directory: entry } = await cache.entry('stage', `age${age}`, write(''));
      utimesSync(entry, 1000 - age, 1000 - age);
    }
    mkdirSync(join(directory, 'stage/.half-made-old'));
    utimesSync(join(directory, 'stage/.half-made-old'), 1, 1);
    mkdirSync(join(directory, 'stage/.half-made-now'));
    await cache.prune(['stage', 'never-used']);
    expect(readdirSync(join(directory, 'stage')).toSorted()).toEqual(['.half-made-now', 'age1', 'age2', 'age3']);
  });

  it('lets one build work at a time', async () => {
    const events: string[] = [];
    const first = Promise.withResolvers<void>();
    const a = cache.exclusively(
      async () => {
        events.push('a starts');
        await first.promise;
        events.push('a ends');
      },
      () => events.push('a waits'),
    );
    await expect.poll(() => events).toContain('a starts');
    const b = new StageCache(directory).exclusively(
      () => {
        events.push('b starts');
        return Promise.resolve();
      },
      () => {
        events.push('b waits');
        first.resolve();
      },
    );
    await Promise.all([a, b]);
    expect(events).toEqual(['a starts', 'b waits', 'a ends', 'b starts']);
  });

  it('gives the lock back where the work fails', async () => {
    const failing = cache.exclusively(
      () => Promise.reject(new Error('broken')),
      () => {},
    );
    await expect(failing).rejects.toThrow('broken');
    const next = cache.exclusively(
      () => Promise.resolve('done'),
      () => {},
    );
    await expect(next).resolves.toBe('done');
  });
});
