/** Work that a caller may give up. */
import { KataError } from '../wire/error.ts';

/**
 * Resolves as `work` does, unless the signal is aborted first.
 * @throws KataError made of the signal's reason; or what `work` throws.
 */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await work;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(KataError.from(signal.reason));
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
