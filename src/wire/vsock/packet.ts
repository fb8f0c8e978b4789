/** The packet of virtio-vsock: a header of 44 bytes, little-endian, then the payload (virtio 1.2, 5.10.6). */

/** Bytes of the header. */
export const HEADER_BYTES = 44;
/** Largest payload of one packet (VIRTIO_VSOCK_MAX_PKT_BUF_SIZE of the Linux driver). */
export const PAYLOAD_MAX_BYTES = 64 * 1024;
/** Context id of the host (VMADDR_CID_HOST). */
export const HOST_CID = 2n;
/** Packet type: a byte stream. The other one, seqpacket, is a feature that we do not offer. */
export const TYPE_STREAM = 1;

/** What a packet asks or tells (5.10.6.1). */
export const Op = {
  REQUEST: 1,
  RESPONSE: 2,
  RST: 3,
  SHUTDOWN: 4,
  RW: 5,
  CREDIT_UPDATE: 6,
  CREDIT_REQUEST: 7,
} as const;

/** Flags of a SHUTDOWN: permanent, and OR-ed with those of earlier ones (5.10.6.6.3). */
export const Shutdown = {
  /** The sender will receive no more. */
  RECEIVE: 1,
  /** The sender will send no more. */
  SEND: 2,
  BOTH: 3,
} as const;

/** A decoded header. Numbers are as they came: nothing is checked against a connection yet. */
export interface PacketHeader {
  readonly srcCid: bigint;
  readonly dstCid: bigint;
  readonly srcPort: number;
  readonly dstPort: number;
  /** Bytes of payload after the header. */
  readonly length: number;
  readonly type: number;
  readonly op: number;
  readonly flags: number;
  /** The sender's receive buffer (bytes). */
  readonly bufAlloc: number;
  /** Bytes that the sender has taken out of that buffer so far, modulo 2^32. */
  readonly fwdCnt: number;
}

/** Reads a header. @param bytes at least {@link HEADER_BYTES}; RangeError below that. */
export function decodeHeader(bytes: Uint8Array): PacketHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    srcCid: view.getBigUint64(0, true),
    dstCid: view.getBigUint64(8, true),
    srcPort: view.getUint32(16, true),
    dstPort: view.getUint32(20, true),
    length: view.getUint32(24, true),
    type: view.getUint16(28, true),
    op: view.getUint16(30, true),
    flags: view.getUint32(32, true),
    bufAlloc: view.getUint32(36, true),
    fwdCnt: view.getUint32(40, true),
  };
}

/** Writes a header into the first {@link HEADER_BYTES} of `into`; RangeError where that is shorter. */
export function encodeHeader(header: PacketHeader, into: Uint8Array): void {
  const view = new DataView(into.buffer, into.byteOffset, into.byteLength);
  view.setBigUint64(0, header.srcCid, true);
  view.setBigUint64(8, header.dstCid, true);
  view.setUint32(16, header.srcPort, true);
  view.setUint32(20, header.dstPort, true);
  view.setUint32(24, header.length, true);
  view.setUint16(28, header.type, true);
  view.setUint16(30, header.op, true);
  view.setUint32(32, header.flags, true);
  view.setUint32(36, header.bufAlloc, true);
  view.setUint32(40, header.fwdCnt, true);
}
