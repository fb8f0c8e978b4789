/** Network links, as far as the agent needs them before its network calls. */
import { Buffer } from 'node:buffer';
import { closeSync } from 'node:fs';
import { check } from './errno.ts';
import { libc } from './ffi.ts';
import { SOCK_CLOEXEC, SOCK_DGRAM } from './socket-constants.ts';

const native = libc({
  // SAFETY: plain numbers.
  socket: { arguments: ['int32', 'int32', 'int32'], return: 'int32' },
  // SAFETY: both requests read and write one struct ifreq of 40 bytes, which the buffer has; variadic, passed as if
  // declared on x86-64 and arm64.
  ioctl: { arguments: ['int32', 'uint64', 'buffer'], return: 'int32' },
});

// bits/socket.h, bits/ioctls.h, net/if.h; netdevice(7)
const AF_INET = 2;
const SIOCGIFFLAGS = 0x8913n;
const SIOCSIFFLAGS = 0x8914n;
const IFF_UP = 1;
const IFREQ_BYTES = 40;
const FLAGS_OFFSET = 16;

/**
 * Brings a link up; one that is up already stays so.
 * @param name at most 15 bytes, such as `lo`.
 * @throws KataError ERR_SYSCALL: ENODEV where there is no such link, EPERM without CAP_NET_ADMIN.
 */
export function bringLinkUp(name: string): void {
  const request = Buffer.alloc(IFREQ_BYTES);
  request.write(name, 0, FLAGS_OFFSET - 1, 'utf8');
  const fd = check('socket AF_INET', native.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  try {
    check('ioctl SIOCGIFFLAGS', native.ioctl(fd, SIOCGIFFLAGS, request), name);
    request.writeInt16LE(request.readInt16LE(FLAGS_OFFSET) | IFF_UP, FLAGS_OFFSET);
    check('ioctl SIOCSIFFLAGS', native.ioctl(fd, SIOCSIFFLAGS, request), name);
  } finally {
    closeSync(fd);
  }
}
