/** The machine's clock; clock_settime(2). */
import { Buffer } from 'node:buffer';
import { check } from './errno.ts';
import { libc } from './ffi.ts';

const native = libc({
  // SAFETY: reads one struct timespec of 16 bytes, which the buffer has.
  clock_settime: { arguments: ['int32', 'buffer'], return: 'int32' },
});

const CLOCK_REALTIME = 0;
/** Two 64-bit numbers: seconds and nanoseconds. */
const TIMESPEC_BYTES = 16;

/**
 * Sets the time of day. Timers, and what is measured, do not notice.
 * @param seconds since 1970.
 * @param nanoseconds 0 to 999,999,999.
 * @throws KataError ERR_SYSCALL: EINVAL for what is out of range, or before the machine was started; EPERM.
 */
export function setRealTime(seconds: bigint, nanoseconds: bigint): void {
  const time = Buffer.alloc(TIMESPEC_BYTES);
  time.writeBigInt64LE(seconds, 0);
  time.writeBigInt64LE(nanoseconds, 8);
  check('clock_settime', native.clock_settime(CLOCK_REALTIME, time), `${seconds}.${`${nanoseconds}`.padStart(9, '0')}`);
}
