/** Our own agent does all that the conformance client asks of one. */
import { expect, it } from 'vitest';
import { agentInGuest } from '../../../src/host/conformance/agent-source.ts';
import { reasons, textRows } from '../../../src/host/conformance/report.ts';
import { runConformance } from '../../../src/host/conformance/run.ts';
import { SCENARIOS } from '../../../src/host/conformance/scenarios.ts';

/** Of each scenario: it only ends a hang (ms). */
const TIMEOUT_MS = 60_000;

it('passes every scenario', async () => {
  const source = agentInGuest('ours', undefined);
  const report = await runConformance({ source, scenarios: SCENARIOS, timeoutMs: TIMEOUT_MS });
  process.stdout.write(
    `${textRows([report])
      .map((row) => row.join('  '))
      .join('\n')}\n`,
  );
  expect(reasons([report])).toEqual([]);
  // The handshake, the signs of life, and the end.
  expect(report.outcomes).toHaveLength(SCENARIOS.length + 3);
});
