import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { adoptSocket } from '../../../src/linux/handle.ts';
import { openUeventSocket, parseUevent, type Uevent } from '../../../src/linux/uevent.ts';

const BLOCK_EVENT =
  'add@/devices/pci0000:00/0000:00:05.0/virtio3/block/vdb\0ACTION=add\0DEVPATH=/devices/pci0000:00/0000:00:05.0/virtio3/block/vdb\0SUBSYSTEM=block\0DEVNAME=vdb\0SEQNUM=1234\0';

describe('parseUevent', () => {
  it('splits the header and the pairs', () => {
    const event = parseUevent(Buffer.from(BLOCK_EVENT));
    expect(event).toMatchObject({
      action: 'add',
      devpath: '/devices/pci0000:00/0000:00:05.0/virtio3/block/vdb',
      subsystem: 'block',
    });
    expect(event?.fields.get('DEVNAME')).toBe('vdb');
    expect(event?.fields.size).toBe(5);
  });

  it('keeps equals signs in values and skips what is no pair', () => {
    const event = parseUevent(Buffer.from('change@/devices/x\0A=b=c\0nothing\0=empty\0B=\0'));
    expect([...(event?.fields ?? [])]).toEqual([
      ['A', 'b=c'],
      ['B', ''],
    ]);
    expect(event?.subsystem).toBe('');
  });

  it.each(['', 'libudev\0\xfe\xed', '@/devices/x', 'no header at all'])('ignores %j', (text) => {
    expect(parseUevent(Buffer.from(text, 'latin1'))).toBeUndefined();
  });
});

describe('openUeventSocket', () => {
  it('receives what the kernel sends', async () => {
    const socket = adoptSocket(openUeventSocket(), { writable: false });
    try {
      const seen: Uevent[] = [];
      socket.on('data', (datagram: Buffer) => {
        const event = parseUevent(datagram);
        if (event !== undefined) seen.push(event);
      });
      // Any device can be asked to announce itself again; this one exists everywhere.
      writeFileSync('/sys/devices/virtual/mem/null/uevent', 'change');
      while (!seen.some((event) => event.devpath === '/devices/virtual/mem/null')) await once(socket, 'data');
      expect(seen.find((event) => event.devpath === '/devices/virtual/mem/null')).toMatchObject({
        action: 'change',
        subsystem: 'mem',
      });
    } finally {
      socket.destroy();
    }
  });
});
