/** From numbers to the text format of Prometheus. */
import { setImmediate as turn } from 'node:timers/promises';
import Counter from 'prom-client/lib/counter.js';
import Gauge from 'prom-client/lib/gauge.js';
import Registry from 'prom-client/lib/registry.js';
import type { Family } from './family.ts';

const SCRAPES = 'kata_agent_scrape_count';

/**
 * All families as text. In between, others get their turn: without a compiler, as under emulation, the whole would take
 * longer than a health check may.
 * @param scrapes how often they were asked for.
 */
export async function renderFamilies(families: Iterable<Family>, scrapes: number): Promise<string> {
  // Made anew each time: what is gone, such as an interface, is told of no more, and no two scrapes meet.
  const registry = new Registry();
  const registers = [registry];
  new Counter({ name: SCRAPES, help: 'How often the metrics were asked for.', registers }).inc(scrapes);
  const texts = [await registry.getSingleMetricAsString(SCRAPES)];
  for (const { name, help, labels, samples } of families) {
    await turn();
    // Without a label, a number that is not known would be told of as 0.
    if (labels.length === 0 && samples.length === 0) continue;
    const gauge = new Gauge({ name, help, labelNames: [...labels], registers });
    for (const { labels: of, value } of samples) gauge.set(of, value);
    await turn();
    texts.push(await registry.getSingleMetricAsString(name));
  }
  return `${texts.join('\n\n')}\n`;
}
