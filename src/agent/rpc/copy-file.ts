/** The handler of CopyFile. */
import type { Handlers } from '../../wire/ttrpc/router.ts';
import type { AgentContext } from '../context.ts';
import { copyJobOf } from '../storage/copy-request.ts';

/** A part has at most 4 MiB, and the memory of the guest takes it at once; a share may not answer (ms). */
const COPY_DEADLINE_MS = 20_000;

/** Makes the handler. */
export function copyFileHandlers({ files }: Pick<AgentContext, 'files'>) {
  return {
    CopyFile: async (request) => {
      await files.run('copy', copyJobOf(request), COPY_DEADLINE_MS);
      return {};
    },
  } satisfies Partial<Handlers<'grpc.AgentService'>>;
}
