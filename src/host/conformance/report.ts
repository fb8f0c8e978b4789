/** A run in words: rows for a terminal, Markdown for the documentation, and JSON for programs. */
import type { AgentReport } from './run.ts';
import type { Outcome, Verdict } from './verdict.ts';

/** One row a scenario: the verdict of each agent, and the name. */
export function textRows(reports: readonly AgentReport[]): string[][] {
  const head = [...reports.map(({ label }) => label), 'scenario', 'a right agent'];
  const rows = scenarios(reports).map(({ name, about }) => [
    ...reports.map((report) => word(verdictOn(report, name))),
    name,
    about,
  ]);
  return [head, ...rows];
}

/** One line for each verdict that is no pass. */
export function reasons(reports: readonly AgentReport[]): string[] {
  return reports.flatMap(({ label, outcomes }) =>
    outcomes.flatMap(({ name, verdict }) => (verdict.is === 'pass' ? [] : [`${name} (${label}): ${verdict.reason}`])),
  );
}

/** Counts, one line an agent. */
export function counts({ label, version, outcomes }: AgentReport): string {
  const passed = outcomes.filter(({ verdict }) => verdict.is === 'pass').length;
  return `${label} (version ${version || 'unknown'}): ${passed} of ${outcomes.length} scenarios pass`;
}

/** The table of the documentation. */
export function markdown(reports: readonly AgentReport[]): string {
  const cells = (row: readonly string[]): string => `| ${row.join(' | ')} |`;
  const head = ['Scenario', 'A right agent', ...reports.map(({ label, version }) => `${label} ${version}`.trim())];
  const rows = scenarios(reports).map(({ name, about }) => [
    `\`${name}\``,
    about.replaceAll('|', '\\|'),
    ...reports.map((report) => markdownWord(verdictOn(report, name))),
  ]);
  return [cells(head), cells(head.map(() => '---')), ...rows.map(cells)].join('\n');
}

/** Everything, for a program. */
export function json(reports: readonly AgentReport[]): string {
  return JSON.stringify({ agents: reports }, undefined, 2);
}

/** Every agent has had the same scenarios. */
function scenarios(reports: readonly AgentReport[]): readonly Outcome[] {
  return reports[0]?.outcomes ?? [];
}

function verdictOn({ outcomes }: AgentReport, name: string): Verdict | undefined {
  return outcomes.find((outcome) => outcome.name === name)?.verdict;
}

function word(verdict: Verdict | undefined): string {
  return verdict === undefined ? '-' : verdict.is;
}

function markdownWord(verdict: Verdict | undefined): string {
  return verdict?.is === 'pass' ? 'pass' : `**${word(verdict)}**`;
}
