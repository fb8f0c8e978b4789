/** The handler of GetMetrics. */
import type { Handlers } from '../../wire/ttrpc/router.ts';
import type { AgentContext } from '../context.ts';
import type { Metrics } from '../metrics/metrics.ts';

/** Makes the handler. */
export function metricsHandlers({ logger }: Pick<AgentContext, 'logger'>) {
  let metrics: Metrics | undefined;
  return {
    GetMetrics: async () => {
      // Loaded by the first who asks: most guests are never asked, and all would wait for it at their start.
      const loaded = await import('../metrics/metrics.ts');
      metrics ??= new loaded.Metrics(logger);
      return { metrics: await metrics.text() };
    },
  } satisfies Partial<Handlers<'grpc.AgentService'>>;
}
