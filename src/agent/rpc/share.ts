/** The handler of RemoveStaleVirtiofsShareMounts. */
import type { Handlers } from '../../wire/ttrpc/router.ts';
import { readMountTable } from '../boot/mount-table.ts';
import type { AgentContext } from '../context.ts';
import { SHARED } from '../sandbox/paths.ts';
import { runShareScript } from '../storage/mount-point.ts';

/** A look at a file makes virtiofsd find out that it has gone, and let go of it. */
const LOOK = 'for path; do [ -e "$path" ] || :; done';

/** Makes the handler. */
export function shareHandlers({ reaper, logger }: Pick<AgentContext, 'reaper' | 'logger'>) {
  return {
    RemoveStaleVirtiofsShareMounts: async () => {
      const targets = readMountTable().map(({ target }) => target);
      const shared = targets.filter((target) => target.startsWith(`${SHARED}/`));
      try {
        if (shared.length > 0) await runShareScript(reaper, 'look at the share', LOOK, shared);
      } catch (error) {
        // The sandbox is about to end, and the host has no use for the reason.
        logger.warn({ error }, 'the share does not answer');
      }
      return {};
    },
  } satisfies Partial<Handlers<'grpc.AgentService'>>;
}
