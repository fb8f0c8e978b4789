/** The system log; syslog(3). */
import { cString } from './cstring.ts';
import { libc } from './ffi.ts';

const native = libc({
  // SAFETY: format and argument are NUL-terminated and copied during the call; the format has exactly one %s; variadic,
  // passed as if declared on x86-64 and arm64.
  syslog: { arguments: ['int32', 'buffer', 'buffer'], return: 'void' },
});

// sys/syslog.h
const LOG_DAEMON = 3 << 3;
const LEVELS = { error: 3, warning: 4 } as const;
const FORMAT = cString('format', '%s');

/** Sends one line to the system log, under this program's name. Where there is no log it is lost. */
export function logToSystem(level: keyof typeof LEVELS, text: string): void {
  native.syslog(LOG_DAEMON | LEVELS[level], FORMAT, cString('text', text.replaceAll('\0', '')));
}
