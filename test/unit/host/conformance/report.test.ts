import { describe, expect, it } from 'vitest';
import { counts, json, markdown, reasons, textRows } from '../../../../src/host/conformance/report.ts';
import type { AgentReport } from '../../../../src/host/conformance/run.ts';
import type { Verdict } from '../../../../src/host/conformance/verdict.ts';

function report(label: string, version: string, ...verdicts: readonly Verdict[]): AgentReport {
  const outcomes = verdicts.map((verdict, index) => ({ name: `s${index + 1}`, about: `does ${index + 1}`, verdict }));
  return { label, version, outcomes };
}

const PASS: Verdict = { is: 'pass', ms: 3 };
const ONE = report('ours', '0.1', PASS, PASS);
const OTHER = report('other', '', { is: 'fail', reason: 'no', ms: 9 }, { is: 'not-run', reason: 'gone' });

describe('a report', () => {
  it('has a row for each scenario and a column for each agent', () => {
    expect(textRows([ONE, OTHER])).toEqual([
      ['ours', 'other', 'scenario', 'a right agent'],
      ['pass', 'fail', 's1', 'does 1'],
      ['pass', 'not-run', 's2', 'does 2'],
    ]);
  });

  it('tells why, and how many', () => {
    expect(reasons([ONE, OTHER])).toEqual(['s1 (other): no', 's2 (other): gone']);
    expect(counts(ONE)).toBe('ours (version 0.1): 2 of 2 scenarios pass');
    expect(counts(OTHER)).toBe('other (version unknown): 0 of 2 scenarios pass');
  });

  it('is a table in Markdown', () => {
    expect(markdown([ONE, OTHER])).toBe(
      [
        '| Scenario | A right agent | ours 0.1 | other |',
        '| --- | --- | --- | --- |',
        '| `s1` | does 1 | pass | **fail** |',
        '| `s2` | does 2 | pass | **not-run** |',
      ].join('\n'),
    );
  });

  it('is JSON with all of it', () => {
    expect(JSON.parse(json([ONE, OTHER]))).toEqual({ agents: [ONE, OTHER] });
  });
});
