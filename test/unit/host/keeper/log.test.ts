import { appendFileSync, existsSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LogEvent, readLog } from '../../../../src/host/keeper/log-reader.ts';
import { type LogPaths, LogWriter, logPaths } from '../../../../src/host/keeper/log-writer.ts';

let directory = '';
let paths: LogPaths;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'keeper-log-'));
  paths = logPaths(directory, 'web');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

interface Seen {
  stdout: string;
  stderr: string;
  missing: number;
}

/** Reads to the end. */
async function collect(events: AsyncIterable<LogEvent>, onEvent: (seen: Seen) => void = () => {}): Promise<Seen> {
  const seen: Seen = { stdout: '', stderr: '', missing: 0 };
  for await (const event of events) {
    if (event.kind === 'missing') seen.missing += event.count;
    else if (event.kind !== 'caught up') seen[event.kind] += event.bytes.toString('latin1');
    onEvent(seen);
  }
  return seen;
}

describe('a log', () => {
  it('gives each stream back exactly, before its end and after', async () => {
    const log = await LogWriter.create(paths);
    await log.append('stdout', Buffer.from('a\0b'));
    await Promise.all([log.append('stderr', Buffer.from('no newline')), log.append('stdout', Buffer.from('\n'))]);
    const whole = { stdout: 'a\0b\n', stderr: 'no newline', missing: 0 };
    expect(await collect(readLog(paths, false))).toEqual(whole);
    await log.end();
    await log.end();
    expect(await collect(readLog(paths, false))).toEqual(whole);
    expect(await collect(readLog(paths, true))).toEqual(whole);
    expect(statSync(paths.current).mode & 0o777).toBe(0o600);
  });

  it('keeps the newest output in two files, and tells how much is gone', async () => {
    const log = await LogWriter.create(paths, 1000);
    const all = Array.from({ length: 100 }, (_, index) => `line ${index}\n`);
    for (const line of all) await log.append('stdout', Buffer.from(line));
    await log.end();
    expect(readdirSync(directory).toSorted()).toEqual(['web.log', 'web.log.1']);
    const seen = await collect(readLog(paths, false));
    const text = all.join('');
    expect(seen.missing).toBeGreaterThan(0);
    expect(seen.stdout.length).toBeGreaterThan(100);
    expect(text.slice(seen.missing)).toBe(seen.stdout);
  });

  it('is followed across files until its end, without a loss', async () => {
    const log = await LogWriter.create(paths, 20_000);
    const started = Promise.withResolvers<void>();
    let read = 0;
    const reading = collect(readLog(paths, true), ({ stdout, stderr }) => {
      read = stdout.length + stderr.length;
      started.resolve();
    });
    await started.promise;
    let written = '';
    let gone = false;
    for (let index = 0; index < 300; index++) {
      const line = `line ${index} ${'x'.repeat(index)}\n`;
      written += line;
      await log.append(index % 2 === 0 ? 'stdout' : 'stderr', Buffer.from(line));
      gone ||= existsSync(paths.older);
      // A reader that is two files behind would miss something, rightly.
      if (index % 20 === 0) await expect.poll(() => read).toBe(written.length);
    }
    await log.end();
    const { stdout, stderr, missing } = await reading;
    expect(gone).toBe(true);
    expect({ missing, length: stdout.length + stderr.length }).toEqual({ missing: 0, length: written.length });
    expect(stdout.endsWith(`line 298 ${'x'.repeat(298)}\n`)).toBe(true);
  });

  it('is followed to its last words where it is removed after its end', async () => {
    const log = await LogWriter.create(paths);
    await log.append('stdout', Buffer.from('first '));
    const started = Promise.withResolvers<void>();
    const reading = collect(readLog(paths, true), ({ stdout }) => void (stdout !== '' && started.resolve()));
    await started.promise;
    await log.append('stdout', Buffer.from('last'));
    await log.end();
    rmSync(directory, { recursive: true });
    expect((await reading).stdout).toBe('first last');
  });

  it('that is removed before its end fails whoever follows it, after its last words', async () => {
    const log = await LogWriter.create(paths);
    const seen: string[] = [];
    const started = Promise.withResolvers<void>();
    const reading = collect(readLog(paths, true), ({ stdout }) => {
      seen.push(stdout);
      started.resolve();
    });
    await started.promise;
    await log.append('stdout', Buffer.from('words'));
    rmSync(directory, { recursive: true });
    await expect(reading).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE' });
    expect(seen.at(-1)).toBe('words');
    await log.end();
  });

  it('goes on where it could not be written for a while, and tells what is missing', async () => {
    const log = await LogWriter.create(paths, 200);
    const line = Buffer.from(`${'x'.repeat(99)}\n`);
    await log.append('stdout', line);
    await log.append('stdout', line);
    // The next file cannot be made, for want of the directory.
    const away = `${directory}-away`;
    renameSync(directory, away);
    await log.append('stdout', line);
    await log.append('stdout', line);
    renameSync(away, directory);
    await log.append('stdout', Buffer.from('again\n'));
    await log.end();
    const { stdout, missing } = await collect(readLog(paths, false));
    expect({ missing, length: stdout.length }).toEqual({ missing: 200, length: 206 });
    expect(stdout.endsWith('again\n')).toBe(true);
  });

  it('that is not there is not found, and a damaged one is not guessed at', async () => {
    await expect(collect(readLog(paths, false))).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
    const log = await LogWriter.create(paths);
    await log.append('stdout', Buffer.from('x'));
    appendFileSync(paths.current, 'nonsense\n');
    await expect(collect(readLog(paths, false))).rejects.toMatchObject({ code: 'ERR_PROTOCOL' });
    await log.end();
  });
});
