/**
 * ttrpc framing: the ten bytes before each message, and a decoder that takes a byte stream in pieces of any size.
 * docs/protocol.md describes the format.
 */

/** Bytes of a frame's header. */
export const HEADER_LENGTH = 10;

/** Most bytes of a frame's payload: what every other implementation of ttrpc allows. */
export const MAX_PAYLOAD_LENGTH = 4 << 20;

/** What a frame carries. */
export const MessageType = {
  /** A call (ttrpc.Request), from the client. */
  REQUEST: 1,
  /** The outcome of a call (ttrpc.Response), from the server. */
  RESPONSE: 2,
  /** A part of a streaming call; the services here have none. */
  DATA: 3,
} as const;

/** Bits of a frame's flags. */
export const FrameFlag = {
  /** The sender will send no more on this stream. */
  REMOTE_CLOSED: 0x01,
  /** The sender will send more on this stream. */
  REMOTE_OPEN: 0x02,
  /** The frame has no message. */
  NO_DATA: 0x04,
} as const;

/** The fields of a header but the length. */
export interface FrameHeader {
  /** Names the call; odd, because clients start all calls. */
  readonly streamId: number;
  /** A {@link MessageType}, or an unknown number from a peer. */
  readonly type: number;
  /** Bits of {@link FrameFlag}; 0 for unary calls. */
  readonly flags: number;
}

/** What the decoder found. */
export type FrameEvent =
  /** A whole frame. */
  | { readonly kind: 'frame'; readonly header: FrameHeader; readonly payload: Uint8Array }
  /**
   * A frame whose payload is longer than {@link MAX_PAYLOAD_LENGTH}. Its header is reported at once, so that the right
   * stream can be answered; its payload is thrown away as it comes, and the frames after it are whole again.
   */
  | { readonly kind: 'oversized'; readonly header: FrameHeader; readonly length: number }
  /** Not ttrpc: neither the type nor the length can be right. Nothing that follows can be told apart any more. */
  | { readonly kind: 'garbage'; readonly header: FrameHeader; readonly length: number };

/**
 * Encodes a frame.
 * @param payload at most {@link MAX_PAYLOAD_LENGTH} bytes; the caller has checked it.
 */
export function encodeFrame({ streamId, type, flags }: FrameHeader, payload: Uint8Array): Uint8Array {
  const frame = Buffer.allocUnsafe(HEADER_LENGTH + payload.length);
  frame.writeUInt32BE(payload.length, 0);
  frame.writeUInt32BE(streamId, 4);
  frame.writeUInt8(type, 8);
  frame.writeUInt8(flags, 9);
  frame.set(payload, HEADER_LENGTH);
  return frame;
}

type DecoderState =
  /** Collecting a header; `have` bytes of it are in the header buffer. */
  | { readonly at: 'header'; have: number }
  /** Collecting a payload: `have` of its `length` bytes are in `buffer`, which grows with them. */
  | { readonly at: 'payload'; readonly header: FrameHeader; readonly length: number; buffer: Buffer; have: number }
  /** Throwing a payload away; `missing` bytes are still to come. */
  | { readonly at: 'oversized'; missing: number }
  /** Nothing can be decoded any more. */
  | { readonly at: 'garbage' };

/**
 * Turns a byte stream into frames. How the stream is cut makes no difference. Memory for a payload is taken as its bytes
 * come, never because a header announces them.
 */
export class FrameDecoder {
  readonly #headerBytes = Buffer.alloc(HEADER_LENGTH);
  #state: DecoderState = { at: 'header', have: 0 };

  /**
   * Takes the next bytes.
   * @returns what they completed, in order. A payload may be a view of `chunk`, so `chunk` must not be written again.
   */
  push(chunk: Uint8Array): FrameEvent[] {
    const events: FrameEvent[] = [];
    let offset = 0;
    while (offset < chunk.length) {
      const state = this.#state;
      if (state.at === 'garbage') break;
      const wanted = wantedBytes(state);
      const piece = chunk.subarray(offset, offset + wanted);
      offset += piece.length;
      const event = this.#take(state, piece);
      if (event !== undefined) events.push(event);
    }
    return events;
  }

  #take(state: Exclude<DecoderState, { at: 'garbage' }>, piece: Uint8Array): FrameEvent | undefined {
    switch (state.at) {
      case 'header':
        this.#headerBytes.set(piece, state.have);
        state.have += piece.length;
        return state.have === HEADER_LENGTH ? this.#endHeader() : undefined;
      case 'payload':
        // The usual case: the whole payload is in one piece, and needs no copy.
        if (piece.length === state.length) return this.#endPayload(state.header, piece);
        append(state, piece);
        return state.have === state.length ? this.#endPayload(state.header, state.buffer) : undefined;
      case 'oversized':
        state.missing -= piece.length;
        if (state.missing === 0) this.#state = { at: 'header', have: 0 };
        return undefined;
    }
  }

  #endHeader(): FrameEvent | undefined {
    const length = this.#headerBytes.readUInt32BE(0);
    const header: FrameHeader = {
      streamId: this.#headerBytes.readUInt32BE(4),
      type: this.#headerBytes.readUInt8(8),
      flags: this.#headerBytes.readUInt8(9),
    };
    if (length > MAX_PAYLOAD_LENGTH) {
      const known = header.type >= MessageType.REQUEST && header.type <= MessageType.DATA;
      this.#state = known ? { at: 'oversized', missing: length } : { at: 'garbage' };
      return { kind: known ? 'oversized' : 'garbage', header, length };
    }
    if (length === 0) return this.#endPayload(header, Buffer.alloc(0));
    this.#state = { at: 'payload', header, length, buffer: Buffer.alloc(0), have: 0 };
    return undefined;
  }

  #endPayload(header: FrameHeader, payload: Uint8Array): FrameEvent {
    this.#state = { at: 'header', have: 0 };
    return { kind: 'frame', header, payload };
  }
}

/** How many bytes end the state. */
function wantedBytes(state: Exclude<DecoderState, { at: 'garbage' }>): number {
  switch (state.at) {
    case 'header':
      return HEADER_LENGTH - state.have;
    case 'payload':
      return state.length - state.have;
    case 'oversized':
      return state.missing;
  }
}

/**
 * Adds a piece to a payload. Pieces are copied into one buffer instead of kept: a peer that sends single bytes would make
 * each of them cost a hundred.
 */
function append(state: Extract<DecoderState, { at: 'payload' }>, piece: Uint8Array): void {
  const needed = state.have + piece.length;
  if (needed > state.buffer.length) {
    // Doubled each time, so that all copying together is linear, and never longer than the payload.
    const grown = Buffer.allocUnsafe(Math.min(state.length, Math.max(needed, 2 * state.buffer.length)));
    grown.set(state.buffer.subarray(0, state.have));
    state.buffer = grown;
  }
  state.buffer.set(piece, state.have);
  state.have = needed;
}
