/** `kata-sandbox conformance`: does to a Kata agent what Kata's shim does, and tells what it gets. */
import { basename, resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { buildForeignImage } from '../../build/guest/image.ts';
import { type AgentSource, agentAt, agentInGuest } from '../host/conformance/agent-source.ts';
import { chooseScenarios } from '../host/conformance/choose.ts';
import { parseAgentEndpoint } from '../host/conformance/endpoint.ts';
import { counts, json, markdown, reasons, textRows } from '../host/conformance/report.ts';
import { type AgentReport, runConformance } from '../host/conformance/run.ts';
import { SCENARIOS } from '../host/conformance/scenarios.ts';
import { allPassed, type Outcome } from '../host/conformance/verdict.ts';
import { KataError } from '../wire/error.ts';
import { note, reporting } from './report.ts';
import { table } from './table.ts';
import { parseCount } from './values.ts';

/** The word for the agent of our own guest image. */
const OURS = 'ours';
const DEFAULT_TIMEOUT_S = 30;

interface ConformanceFlags {
  readonly address?: string;
  readonly agent: readonly string[];
  readonly scenario: readonly string[];
  readonly list?: true;
  readonly json?: true;
  readonly markdown?: true;
  readonly timeout: number;
  readonly verbose?: true;
}

/** Adds the command to the program. */
export function addConformance(program: Command): void {
  program
    .command('conformance')
    .summary('tell what a Kata agent does right and wrong')
    .description(
      "Does to a Kata agent what Kata's shim does, and prints a table of what it gets. The exit status is 1 where a " +
        'scenario fails. The agent must have no sandbox yet; it gets one, and is ended by the last scenario.',
    )
    .option('--address <endpoint>', 'an agent that runs: unix:///PATH, vsock://CID:PORT or hvsock:///PATH:PORT')
    .option(
      '--agent <file>',
      `boot a guest with this program, or bundle for Node, as its agent; "${OURS}" is that of the image (the default); ` +
        'may be repeated, for a table with a column each',
      appended,
      [],
    )
    .option(
      '--scenario <name>',
      'only this one, with the beginning and the end of every run; may be repeated',
      appended,
      [],
    )
    .option('--list', 'name the scenarios and run none')
    .option('--json', 'print JSON')
    .option('--markdown', 'print the table in Markdown')
    .option('--timeout <s>', 'seconds that one scenario may take', parseCount, DEFAULT_TIMEOUT_S)
    .option('--verbose', 'tell of each scenario as it ends, and show the console of the machine')
    .action((flags: ConformanceFlags) => reporting(() => conformance(flags)));
}

async function conformance(flags: ConformanceFlags): Promise<number> {
  const scenarios = chooseScenarios(SCENARIOS, flags.scenario);
  if (flags.list === true) {
    print(table(scenarios.map(({ name, about }) => [name, about])));
    return 0;
  }
  const reports: AgentReport[] = [];
  for (const source of await sourcesOf(flags)) {
    const onOutcome = flags.verbose === true ? (outcome: Outcome) => tell(source.label, outcome) : undefined;
    const timeoutMs = flags.timeout * 1000;
    reports.push(
      await runConformance({ source, scenarios, timeoutMs, ...(onOutcome === undefined ? {} : { onOutcome }) }),
    );
  }
  print(lines(reports, flags));
  return reports.every(({ outcomes }) => allPassed(outcomes)) ? 0 : 1;
}

async function sourcesOf({ address, agent, verbose }: ConformanceFlags): Promise<AgentSource[]> {
  if (address !== undefined) {
    if (agent.length > 0) throw new KataError('ERR_INVALID_ARGUMENT', '--address and --agent exclude each other');
    return [agentAt(address, parseAgentEndpoint(address))];
  }
  const watch =
    verbose === true ? { onConsoleLine: (line: string) => note(`console: ${line}`), onAccelerator: note } : {};
  const sources: AgentSource[] = [];
  for (const name of agent.length === 0 ? [OURS] : agent) {
    const image = name === OURS ? undefined : await buildForeignImage({ agent: resolve(name), log: () => {} });
    sources.push(agentInGuest(name === OURS ? OURS : basename(name), image, watch));
  }
  return sources;
}

function lines(reports: readonly AgentReport[], flags: ConformanceFlags): string[] {
  if (flags.json === true) return [json(reports)];
  if (flags.markdown === true) return [markdown(reports), '', ...reasons(reports).map((line) => `- ${line}`)];
  const why = reasons(reports);
  return [...table(textRows(reports)), '', ...why, ...(why.length > 0 ? [''] : []), ...reports.map(counts)];
}

function tell(label: string, { name, verdict }: Outcome): void {
  const time = verdict.is === 'not-run' ? '' : ` (${Math.round(verdict.ms)} ms)`;
  note(`${label}: ${verdict.is} ${name}${time}${verdict.is === 'pass' ? '' : `: ${verdict.reason}`}`);
}

function print(text: readonly string[]): void {
  process.stdout.write(`${text.join('\n')}\n`);
}

function appended(text: string, before: readonly string[]): string[] {
  if (text === '') throw new InvalidArgumentError('It must not be empty.');
  return [...before, text];
}
