/** Waiting for a device that the host is just plugging in. */
import { GrpcStatus, KataError } from '../../wire/error.ts';
import type { UeventListener } from '../process/uevents.ts';

/** An event can be lost, and sysfs can be ahead of it or behind it; so often it is looked without one (ms). */
const LOOK_EVERY_MS = 100;
const MS_PER_SECOND = 1000;

/**
 * Waits until `look` finds something: it looks at once, since the device may have been there for long, then at each
 * event of the kernel, and in between.
 * @param what names the device in the error.
 * @throws KataError ERR_DEADLINE (INTERNAL on the wire) after `timeoutMs`; what `look` throws.
 */
export async function waitForDevice<T>(
  uevents: Pick<UeventListener, 'subscribe'>,
  timeoutMs: number,
  what: string,
  look: () => T | undefined,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const check = (): void => {
    try {
      const found = look();
      if (found !== undefined) resolve(found);
    } catch (error) {
      reject(error);
    }
  };
  // Before the first look: a device that comes in between is not missed.
  const unsubscribe = uevents.subscribe(check);
  const polling = setInterval(check, LOOK_EVERY_MS);
  const limit = setTimeout(() => {
    const text = `Timeout after ${timeoutMs / MS_PER_SECOND}s waiting for uevent ${what}`;
    reject(new KataError('ERR_DEADLINE', text, { status: GrpcStatus.INTERNAL }));
  }, timeoutMs);
  try {
    check();
    return await promise;
  } finally {
    unsubscribe();
    clearInterval(polling);
    clearTimeout(limit);
  }
}
