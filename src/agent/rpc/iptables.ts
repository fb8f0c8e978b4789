/** The handlers of GetIPTables and SetIPTables. */
import type { Handlers } from '../../wire/ttrpc/router.ts';
import type { AgentContext } from '../context.ts';
import { restoreRules, saveRules } from '../network/iptables.ts';

/** Makes the handlers. */
export function iptablesHandlers({ reaper }: Pick<AgentContext, 'reaper'>) {
  return {
    GetIPTables: async ({ is_ipv6: isIpv6 }) => ({ data: await saveRules(reaper, isIpv6) }),
    SetIPTables: async ({ is_ipv6: isIpv6, data }) => ({ data: await restoreRules(reaper, isIpv6, data) }),
  } satisfies Partial<Handlers<'grpc.AgentService'>>;
}
