/** How the kernel schedules a process; sched(7). */
import { Buffer } from 'node:buffer';
import { check } from './errno.ts';
import { libc } from './ffi.ts';

const native = libc({
  // SAFETY: reads a struct sched_param, one int; the buffer has 4 bytes.
  sched_setscheduler: { arguments: ['int32', 'int32', 'buffer'], return: 'int32' },
  // SAFETY: no arguments.
  sched_yield: { arguments: [], return: 'int32' },
});

// linux/sched.h
const SCHED_FIFO = 1;
const SCHED_RESET_ON_FORK = 0x4000_0000;
const LOWEST_REALTIME = 1;

/**
 * Lets a process go before all ordinary ones whenever it can run. Its children are ordinary.
 * @throws KataError ERR_SYSCALL: EPERM without CAP_SYS_NICE, or where its cgroup may have no such processes; ESRCH.
 */
export function goFirst(pid: number): void {
  const parameters = Buffer.alloc(4);
  parameters.writeInt32LE(LOWEST_REALTIME, 0);
  check('sched_setscheduler', native.sched_setscheduler(pid, SCHED_FIFO | SCHED_RESET_ON_FORK, parameters), `${pid}`);
}

/** Lets whoever waits for the calling thread's processor have it first; sched_yield(2), which cannot fail on Linux. */
export function yieldProcessor(): void {
  native.sched_yield();
}
