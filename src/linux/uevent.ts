/** Kernel device events over netlink; lib/kobject_uevent.c of the kernel, netlink(7). */
import { Buffer } from 'node:buffer';
import { closeSync } from 'node:fs';
import { check } from './errno.ts';
import { libc } from './ffi.ts';
import { SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, SOL_SOCKET } from './socket-constants.ts';

const native = libc({
  // SAFETY: plain numbers.
  socket: { arguments: ['int32', 'int32', 'int32'], return: 'int32' },
  // SAFETY: reads a struct sockaddr_nl of 12 bytes; its length is passed.
  bind: { arguments: ['int32', 'buffer', 'uint32'], return: 'int32' },
  // SAFETY: reads an int; its length is passed.
  setsockopt: { arguments: ['int32', 'int32', 'int32', 'buffer', 'uint32'], return: 'int32' },
});

// bits/socket.h, asm-generic/socket.h, linux/netlink.h
const AF_NETLINK = 16;
const SO_RCVBUFFORCE = 33;
const NETLINK_KOBJECT_UEVENT = 15;
/** The kernel's own events; group 2 is udev's. */
const KERNEL_GROUP = 1;

/** Room for bursts, as when many memory blocks are plugged in at once: about a thousand events (bytes). */
const RECEIVE_BUFFER_BYTES = 1024 * 1024;

/** One event. Whoever has CAP_NET_ADMIN in our network namespace can forge one: a hint to look into /sys, no proof. */
export interface Uevent {
  /** `add`, `remove`, `change`, `online`, ... */
  readonly action: string;
  /** Path below /sys, such as `/devices/pci0000:00/...`. */
  readonly devpath: string;
  /** Such as `block`, `net`, `memory`; empty where the event has none. */
  readonly subsystem: string;
  /** All KEY=value pairs of the event. */
  readonly fields: ReadonlyMap<string, string>;
}

/**
 * Parses one datagram: `action@devpath`, then KEY=value pairs, each ended by NUL.
 * @returns undefined for anything else, such as udev's own datagrams, which begin with `libudev`.
 */
export function parseUevent(datagram: Uint8Array): Uevent | undefined {
  const [header = '', ...pairs] = Buffer.from(datagram).toString('utf8').split('\0');
  const at = header.indexOf('@');
  if (at <= 0) return undefined;
  const fields = new Map<string, string>();
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    if (equals > 0) fields.set(pair.slice(0, equals), pair.slice(equals + 1));
  }
  return {
    action: header.slice(0, at),
    devpath: header.slice(at + 1),
    subsystem: fields.get('SUBSYSTEM') ?? '',
    fields,
  };
}

/**
 * Opens the socket on which the kernel sends its events. Each read gives one datagram for {@link parseUevent}; a
 * reader that falls behind gets ENOBUFS and has lost events.
 * @returns a non-blocking descriptor that the caller owns.
 * @throws KataError ERR_SYSCALL.
 */
export function openUeventSocket(): number {
  const type = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const fd = check('socket AF_NETLINK', native.socket(AF_NETLINK, type, NETLINK_KOBJECT_UEVENT));
  try {
    const size = Buffer.alloc(4);
    size.writeInt32LE(RECEIVE_BUFFER_BYTES);
    check('setsockopt SO_RCVBUFFORCE', native.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, size, size.length));
    const address = Buffer.alloc(12);
    address.writeUInt16LE(AF_NETLINK, 0);
    address.writeUInt32LE(KERNEL_GROUP, 8);
    check('bind AF_NETLINK', native.bind(fd, address, address.length));
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
