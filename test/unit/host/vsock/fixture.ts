/** A device with its fake guest in a directory of its own; everything is gone after the test. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { afterEach } from 'vitest';
import { VsockDevice } from '../../../../src/host/vsock/device.ts';
import { Op } from '../../../../src/wire/vsock/packet.ts';
import { FakeGuest, type FakeGuestOptions, GUEST_CID, type SeenPacket } from './fake-guest.ts';

/** What a test has. */
export interface Fixture {
  readonly device: VsockDevice;
  readonly guest: FakeGuest;
  readonly socketPath: string;
  readonly hybridPath: string;
  /** What the device logged. */
  readonly lines: string[];
}

const cleanups: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** Has something undone after the test. */
export function afterTest(cleanup: () => Promise<void> | void): void {
  cleanups.push(cleanup);
}

/** A device that no guest has connected to. */
export async function openDevice(hybridPatienceMs?: number): Promise<Omit<Fixture, 'guest'>> {
  const directory = mkdtempSync(join(tmpdir(), 'vsock-test-'));
  afterTest(() => rmSync(directory, { recursive: true, force: true }));
  const socketPath = join(directory, 'vhost.sock');
  const hybridPath = join(directory, 'hybrid.sock');
  const lines: string[] = [];
  const log = (line: string): void => void lines.push(line);
  const device = await VsockDevice.open({ socketPath, hybridPath, hybridPatienceMs, guestCid: GUEST_CID, log });
  afterTest(() => device.close());
  return { device, socketPath, hybridPath, lines };
}

/** A device with a running guest. */
export async function openFixture(options: FakeGuestOptions = {}, hybridPatienceMs?: number): Promise<Fixture> {
  const fixture = await openDevice(hybridPatienceMs);
  const guest = await FakeGuest.start(fixture.socketPath, options);
  afterTest(() => guest.close());
  return { ...fixture, guest };
}

/** A guest port that the tests use. */
export const PORT = 1024;

/** A connection that the host made and the guest accepted. */
export interface Connected {
  readonly stream: Duplex;
  /** The guest's view of its two ports. */
  readonly ports: { readonly srcPort: number; readonly dstPort: number };
}

/** Connects from the host; the guest accepts with a buffer of `bufAlloc` bytes. */
export async function connectFromHost({ device, guest }: Fixture, bufAlloc = 0x40000000): Promise<Connected> {
  const connecting = device.connect(PORT, 5000);
  const request = await guest.next(Op.REQUEST);
  const ports = { srcPort: PORT, dstPort: request.header.srcPort };
  guest.send({ op: Op.RESPONSE, ...ports, bufAlloc });
  return { stream: await connecting, ports };
}

/** Takes packets until `bytes` of payload have come. */
export async function receiveBytes(guest: FakeGuest, bytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let left = bytes;
  while (left > 0) {
    const { payload }: SeenPacket = await guest.next(Op.RW);
    parts.push(payload);
    left -= payload.length;
  }
  return Buffer.concat(parts);
}

/** Reads a stream to its end, leaving its other direction open. */
export async function readToEnd(stream: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.resume();
  await once(stream, 'end');
  return Buffer.concat(chunks);
}

/** Waits for the end of a stream, whether or not it ended with an error. */
export function closeOf(stream: Duplex): Promise<void> {
  return new Promise((resolve) => stream.once('close', resolve));
}

/** Lets the event loop turn often enough that what was sent so far has been read. */
export async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
