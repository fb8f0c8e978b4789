/** Taps as a shim makes them: one queue, and a header for offloads before each packet. */
import { Buffer } from 'node:buffer';
import { closeSync, openSync } from 'node:fs';
import { check } from '../../../src/linux/errno.ts';
import { libc } from '../../../src/linux/ffi.ts';

const native = libc({
  // SAFETY: TUNSETIFF reads and writes one struct ifreq of 40 bytes, which the buffer has.
  ioctl: { arguments: ['int32', 'uint64', 'buffer'], return: 'int32' },
});

// linux/if_tun.h, net/if.h
const TUNSETIFF = 0x400454can;
const IFF_TAP = 0x0002;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
const IFREQ_BYTES = 40;
const FLAGS_OFFSET = 16;

/** Opens a tap of this name, which goes with its last descriptor. */
export function openTap(name: string): number {
  const request = Buffer.alloc(IFREQ_BYTES);
  request.write(name, 'latin1');
  request.writeInt16LE(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, FLAGS_OFFSET);
  const fd = openSync('/dev/net/tun', 'r+');
  try {
    check('ioctl TUNSETIFF', native.ioctl(fd, TUNSETIFF, request), name);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return fd;
}
