import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runHooks } from '../../../../src/agent/container/run-hooks.ts';
import { createLogger } from '../../../../src/agent/log/logger.ts';
import { Reaper } from '../../../../src/agent/process/reaper.ts';

const lines: string[] = [];
const logger = createLogger({ write: (line) => void lines.push(line) }, 'warn');
const reaper = new Reaper(logger);
beforeAll(() => reaper.start());
afterAll(() => reaper.stop());

it('runs each hook with the state on its input, and goes on after one that fails', async () => {
  const base = mkdtempSync(join(tmpdir(), 'run-hooks-'));
  try {
    const hook = (script: string) => ({
      path: '/bin/sh',
      args: ['sh', '-c', script],
      env: [`OUT=${base}/out`],
      timeoutSeconds: 20,
    });
    const missing = { path: '/no/such/hook', args: ['x'], env: [], timeoutSeconds: 20 };
    await runHooks(reaper, logger, [hook('exit 3'), missing, hook('cat > "$OUT"')], { id: 'c1', pid: 7n });
    expect(readFileSync(`${base}/out`, 'utf8')).toBe('{"id":"c1","pid":7}');
    expect(lines).toHaveLength(2);
  } finally {
    rmSync(base, { recursive: true });
  }
});
