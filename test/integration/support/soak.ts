/** Tests that run with two counts: few in `npm test`, the full ones in `npm run soak`; and what they found, in figures. */
import { appendFileSync } from 'node:fs';

/** Whether this is a soak. */
const SOAK = process.env['KATA_SOAK'] === '1';
/** A runtime process costs as much as ten or twenty starts by the launcher: where it is forced, a soak does a tenth. */
const RUNTIME_SHARE = 10;

/** Chooses between the count of `npm test` and that of `npm run soak`. */
export function count(normal: number, soak: number): number {
  return SOAK ? soak : normal;
}

/** The ways in which the agent starts processes, and what its command line needs for it. */
export const WAYS = [
  { way: 'launcher', parameters: [] },
  { way: 'runtime', parameters: ['agent.exec_launcher=off'] },
] as const satisfies readonly { readonly way: string; readonly parameters: readonly string[] }[];
export type Way = (typeof WAYS)[number]['way'];

/** As {@link count}, for processes started in that way. */
export function countFor(way: Way, normal: number, soak: number): number {
  if (way === 'launcher') return count(normal, soak);
  return SOAK ? Math.ceil(soak / RUNTIME_SHARE) : Math.min(normal, Math.ceil(soak / RUNTIME_SHARE));
}

/** One thing that was measured. */
export interface Figure {
  /** What was done. */
  readonly subject: string;
  readonly way?: Way;
  /** How often. */
  readonly count: number;
  /** What came out, in words with units. */
  readonly result: string;
}

/** Prints a figure, and adds it to the soak's report where there is one. */
export function report(figure: Figure): void {
  const { subject, way, count: times, result } = figure;
  console.log(`figure: ${subject}${way === undefined ? '' : ` (${way})`}: ${times}, ${result}`);
  const file = process.env['KATA_SOAK_REPORT'];
  if (file !== undefined && file !== '') appendFileSync(file, `${JSON.stringify(figure)}\n`);
}

/** Milliseconds since `start`, as seconds in words. */
export function secondsSince(start: number): string {
  return `${((performance.now() - start) / 1000).toFixed(1)} s`;
}

/** The p-quantile (0 to 1) of some values. */
export function quantile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? Number.NaN;
}
