/** The end of the machine. */
import { check } from './errno.ts';
import { libc } from './ffi.ts';

const native = libc({
  // SAFETY: takes one int.
  reboot: { arguments: ['int32'], return: 'int32' },
});

// sys/reboot.h; the value does not fit a signed int as it is written there.
const RB_POWER_OFF = 0x4321fedc | 0;

/**
 * Switches the machine off at once; nothing is flushed. In a pid namespace other than the first it ends that
 * namespace instead (reboot(2)).
 * @throws KataError ERR_SYSCALL: EPERM without CAP_SYS_BOOT. On success it does not return.
 */
export function powerOff(): void {
  check('reboot', native.reboot(RB_POWER_OFF));
}
