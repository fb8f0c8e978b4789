/** All connections of one guest: finds the one that a packet is for, and chooses whose packet goes next. No queues here. */

import { KataError } from '../../wire/error.ts';
import {
  encodeHeader,
  HEADER_BYTES,
  HOST_CID,
  Op,
  PAYLOAD_MAX_BYTES,
  type PacketHeader,
  TYPE_STREAM,
} from '../../wire/vsock/packet.ts';
import { Connection } from './connection.ts';
import type { Carrier, HostEnd } from './connection-types.ts';
import { ACCEPT_TIMEOUT_MS, CONNECTIONS_MAX, FIRST_LOCAL_PORT, PENDING_RESETS_MAX, QUANTUM_BYTES } from './limits.ts';

const PORT_MAX = 0xffffffff;

/** Figures of a device since it was opened; all but `connections` only grow. */
export interface VsockStats {
  /** Open, opening and closing ones now. */
  connections: number;
  /** Bytes of payload that the guest sent, and that it got. */
  bytesFromGuest: number;
  bytesToGuest: number;
  /** Packets of any kind. */
  packetsFromGuest: number;
  packetsToGuest: number;
  /** RST packets sent to the guest. */
  resetsToGuest: number;
}

/** A packet ready for the guest. */
export interface GuestPacket {
  /** The encoded header. */
  readonly header: Uint8Array;
  readonly payload: readonly Uint8Array[];
  /** Bytes of header and payload. */
  readonly length: number;
  /** To be called when all of it is in the guest's buffer. */
  readonly sent?: () => void;
}

/** A connection that the guest asks for. One of the two is called, now or later. */
export interface Offer {
  /** Port of the host that the guest asks for. */
  readonly port: number;
  /** @param makeEnd makes the host's end. @returns undefined where the guest has given up meanwhile. */
  accept<T extends HostEnd>(makeEnd: (connection: Connection) => T): T | undefined;
  refuse(): void;
}

/** Takes the connections that the guest makes, for one port or for those that nobody else has. */
export type OfferHandler = (offer: Offer) => void;

interface Reset {
  readonly localPort: number;
  readonly remotePort: number;
  readonly type: number;
}

/** The connections of one guest. */
export class Muxer {
  readonly stats: VsockStats = {
    connections: 0,
    bytesFromGuest: 0,
    bytesToGuest: 0,
    packetsFromGuest: 0,
    packetsToGuest: 0,
    resetsToGuest: 0,
  };
  readonly #guestCid: bigint;
  readonly #onReady: () => void;
  readonly #connections = new Map<string, Connection>();
  /** Those with something to send, the next one first. */
  readonly #ready = new Set<Connection>();
  readonly #resets: Reset[] = [];
  readonly #listeners = new Map<number, OfferHandler>();
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #nextLocalPort = FIRST_LOCAL_PORT;
  #turnBytes = 0;
  #fallback: OfferHandler | undefined;

  /** @param onReady called when there may be packets to take; it may call {@link next} at once. */
  constructor(guestCid: bigint, onReady: () => void) {
    this.#guestCid = guestCid;
    this.#onReady = onReady;
  }

  /** True where packets of the guest must wait until it has taken some of ours. */
  get isCongested(): boolean {
    return this.#resets.length >= PENDING_RESETS_MAX;
  }

  /**
   * Asks the guest for a connection.
   * @param makeEnd makes the host's end, which is told how it goes.
   * @throws KataError ERR_RESOURCE_EXHAUSTED at the limit of connections; ERR_INVALID_ARGUMENT for no port.
   */
  connect<T extends HostEnd>(remotePort: number, timeoutMs: number, makeEnd: (connection: Connection) => T): T {
    if (!Number.isInteger(remotePort) || remotePort < 0 || remotePort > PORT_MAX) {
      throw new KataError('ERR_INVALID_ARGUMENT', `vsock port ${remotePort} is none`);
    }
    if (this.#connections.size >= CONNECTIONS_MAX) {
      throw new KataError('ERR_RESOURCE_EXHAUSTED', `vsock: ${CONNECTIONS_MAX} connections are open`);
    }
    const ports = { local: this.#freeLocalPort(remotePort), remote: remotePort };
    const connection = this.#add(ports, 'requesting', timeoutMs);
    const end = makeEnd(connection);
    connection.attach(end);
    this.#makeReady(connection);
    return end;
  }

  /**
   * Gives the connections that the guest makes to `port` to `handler`.
   * @throws KataError ERR_ALREADY_EXISTS where the port is taken.
   */
  listen(port: number, handler: OfferHandler): { close(): void } {
    if (this.#listeners.has(port)) throw new KataError('ERR_ALREADY_EXISTS', `vsock port ${port} is taken`);
    this.#listeners.set(port, handler);
    return { close: () => void this.#listeners.delete(port) };
  }

  /** Gives those for which nobody listens to `handler`, instead of refusing them. */
  setFallback(handler: OfferHandler | undefined): void {
    this.#fallback = handler;
  }

  /**
   * Takes a packet of the guest.
   * @param payload copies its payload; not called for what is dropped.
   */
  handle(header: PacketHeader, payload: () => Uint8Array): void {
    this.stats.packetsFromGuest += 1;
    // A guest that speaks for another one is not answered: any answer would go to the wrong place.
    if (header.srcCid !== this.#guestCid || header.dstCid !== HOST_CID) return;
    const connection =
      header.type === TYPE_STREAM ? this.#connections.get(keyOf(header.dstPort, header.srcPort)) : undefined;
    if (connection !== undefined) {
      if (header.op === Op.RW) this.stats.bytesFromGuest += header.length;
      connection.receive(header, payload);
    } else if (header.op === Op.REQUEST && header.type === TYPE_STREAM) {
      this.#offer(header);
    } else if (header.op !== Op.RST) {
      this.#queueReset({ localPort: header.dstPort, remotePort: header.srcPort, type: header.type });
    }
  }

  /** True where next() would give a packet. */
  hasPackets(): boolean {
    if (this.#resets.length > 0) return true;
    for (const connection of this.#ready) {
      if (connection.wantsToSend()) return true;
      this.#ready.delete(connection);
    }
    return false;
  }

  /**
   * The next packet for the guest, fair among the connections: each sends {@link QUANTUM_BYTES} before the next one has
   * its turn. What it returns is valid until the next call.
   * @param room bytes of the guest's buffer; more than a header.
   */
  next(room: number): GuestPacket | undefined {
    const reset = this.#resets.shift();
    if (reset !== undefined) {
      this.stats.resetsToGuest += 1;
      return this.#encode({ ...reset, op: Op.RST, flags: 0, length: 0, bufAlloc: 0, fwdCnt: 0 }, []);
    }
    for (const connection of this.#ready) {
      const outgoing = connection.take(Math.min(room - HEADER_BYTES, PAYLOAD_MAX_BYTES));
      this.#turnBytes += HEADER_BYTES + (outgoing?.length ?? 0);
      if (outgoing === undefined) {
        this.#endTurn(connection, false);
        continue;
      }
      if (this.#turnBytes >= QUANTUM_BYTES) this.#endTurn(connection, true);
      const { localPort, remotePort } = connection;
      const { op, flags, length, payload, sent } = outgoing;
      const fields = { localPort, remotePort, type: TYPE_STREAM, op, flags, length, ...connection.stampCredit() };
      return this.#encode(fields, payload, sent);
    }
    return undefined;
  }

  /**
   * Ends every connection without a word to the guest, which is gone or of no use.
   * @param error what the host's ends are told.
   * @param keepUnsent leaves those alone that the guest does not know of yet.
   */
  dropAll(error: KataError | undefined, keepUnsent: boolean): void {
    this.#resets.length = 0;
    for (const connection of [...this.#connections.values()]) {
      const { state } = connection;
      const isUnsent = state.kind === 'requesting' && !state.isSent;
      if (!(keepUnsent && isUnsent)) connection.kill(error, false);
    }
  }

  #encode(
    fields: Omit<PacketHeader, 'srcCid' | 'dstCid' | 'srcPort' | 'dstPort'> & { localPort: number; remotePort: number },
    payload: readonly Uint8Array[],
    sent?: () => void,
  ): GuestPacket {
    const { localPort, remotePort, ...rest } = fields;
    const addresses = { srcCid: HOST_CID, dstCid: this.#guestCid, srcPort: localPort, dstPort: remotePort };
    encodeHeader({ ...addresses, ...rest }, this.#header);
    this.stats.packetsToGuest += 1;
    this.stats.bytesToGuest += fields.length;
    const packet = { header: this.#header, payload, length: HEADER_BYTES + fields.length };
    return sent === undefined ? packet : { ...packet, sent };
  }

  #endTurn(connection: Connection, hasMore: boolean): void {
    this.#turnBytes = 0;
    this.#ready.delete(connection);
    if (hasMore) this.#ready.add(connection);
  }

  #offer(header: PacketHeader): void {
    const port = header.dstPort;
    const handler = this.#listeners.get(port) ?? this.#fallback;
    if (handler === undefined || this.#connections.size >= CONNECTIONS_MAX) {
      this.#queueReset({ localPort: port, remotePort: header.srcPort, type: header.type });
      return;
    }
    const connection = this.#add({ local: port, remote: header.srcPort }, 'offered', ACCEPT_TIMEOUT_MS);
    connection.noteCredit(header);
    handler({
      port,
      accept: (makeEnd) => {
        if (connection.state.kind !== 'offered') return undefined;
        const end = makeEnd(connection);
        connection.accept(end);
        return end;
      },
      refuse: () => connection.refuse(),
    });
  }

  #add(
    ports: { readonly local: number; readonly remote: number },
    initial: 'requesting' | 'offered',
    timeoutMs: number,
  ): Connection {
    const carrier: Carrier = {
      ready: () => this.#makeReady(connection),
      finished: (sendReset) => this.#forget(connection, sendReset),
      schedule: (ms, action) => {
        const timer = setTimeout(action, ms);
        return () => clearTimeout(timer);
      },
    };
    const connection = new Connection(carrier, ports, initial, timeoutMs);
    this.#connections.set(keyOf(ports.local, ports.remote), connection);
    this.stats.connections = this.#connections.size;
    return connection;
  }

  #makeReady(connection: Connection): void {
    this.#ready.add(connection);
    this.#onReady();
  }

  #forget(connection: Connection, sendReset: boolean): void {
    const { localPort, remotePort } = connection;
    this.#connections.delete(keyOf(localPort, remotePort));
    this.#ready.delete(connection);
    this.stats.connections = this.#connections.size;
    if (sendReset) this.#queueReset({ localPort, remotePort, type: TYPE_STREAM });
  }

  #queueReset(reset: Reset): void {
    this.#resets.push(reset);
    this.#onReady();
  }

  /** Ports are used in turn, so that a late packet of an old connection does not meet a new one. */
  #freeLocalPort(remotePort: number): number {
    for (;;) {
      const port = this.#nextLocalPort;
      this.#nextLocalPort = port >= PORT_MAX - 1 ? FIRST_LOCAL_PORT : port + 1;
      if (!this.#connections.has(keyOf(port, remotePort)) && !this.#listeners.has(port)) return port;
    }
  }
}

function keyOf(localPort: number, remotePort: number): string {
  return `${localPort}:${remotePort}`;
}
