import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../../../src/agent/log/logger.ts';
import { findGuestHooks, NO_GUEST_HOOKS } from '../../../../src/agent/sandbox/guest-hooks.ts';

const logger = createLogger({ write: () => {} }, 'fatal');
let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'hooks-'));
});
afterEach(() => rmSync(base, { recursive: true }));

describe('findGuestHooks', () => {
  it('takes executable files, not links and not directories', () => {
    mkdirSync(`${base}/prestart/dir`, { recursive: true });
    for (const [name, mode] of [
      ['20-b', 0o755],
      ['10-a', 0o700],
      ['plain', 0o644],
    ] as const) {
      writeFileSync(`${base}/prestart/${name}`, '');
      chmodSync(`${base}/prestart/${name}`, mode);
    }
    symlinkSync('10-a', `${base}/prestart/link`);
    const hook = (name: string) => ({
      path: `${base}/prestart/${name}`,
      args: [name, 'prestart'],
      env: [],
      timeoutSeconds: 10,
    });
    expect(findGuestHooks(base, logger)).toEqual({ ...NO_GUEST_HOOKS, prestart: [hook('10-a'), hook('20-b')] });
  });

  it.each(['', '/no/such/directory'])('finds none in %j', (directory) => {
    expect(findGuestHooks(directory, logger)).toEqual(NO_GUEST_HOOKS);
  });

  it('goes on where a directory is a file', () => {
    writeFileSync(`${base}/poststop`, '');
    expect(findGuestHooks(base, logger)).toEqual(NO_GUEST_HOOKS);
  });
});
