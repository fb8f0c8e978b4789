/** A client that sends whatever frames a test likes, and records the answers. */
import { type Duplex, duplexPair } from 'node:stream';
import { ttrpc } from '../../../../src/wire/generated/proto.js';
import { encodeRequest } from '../../../../src/wire/ttrpc/envelope.ts';
import { encodeFrame, FrameDecoder, type FrameHeader } from '../../../../src/wire/ttrpc/frame.ts';
import { type CallHandler, ServerConnection } from '../../../../src/wire/ttrpc/server-connection.ts';
import { settle } from './pieces.ts';

/** An answer, decoded. */
export interface Answer {
  readonly streamId: number;
  readonly code: number | undefined;
  readonly message: string;
  readonly payload: string;
}

/** What a test may set in a request. */
export interface RawRequest {
  readonly type?: number;
  readonly flags?: number;
  readonly method?: string;
  readonly payload?: Uint8Array;
  readonly timeoutMs?: number;
}

/** The client's end of a connection that a {@link ServerConnection} serves. */
export class RawPeer {
  readonly stream: Duplex;
  readonly connection: ServerConnection;
  readonly #served: Duplex;
  readonly answers: Answer[] = [];

  constructor(handler: CallHandler) {
    const [left, right] = duplexPair();
    this.stream = left;
    this.#served = right;
    this.connection = new ServerConnection(right, handler);
    const decoder = new FrameDecoder();
    left.on('data', (chunk: Uint8Array) => {
      for (const event of decoder.push(chunk)) {
        if (event.kind !== 'frame') throw new Error(`the server sent a frame that is ${event.kind}`);
        const { status, payload } = ttrpc.Response.decode(event.payload);
        this.answers.push({
          streamId: event.header.streamId,
          code: status?.code,
          message: status?.message ?? '',
          payload: Buffer.from(payload).toString(),
        });
      }
    });
  }

  /** Sends bytes as they are. */
  async send(...bytes: readonly Uint8Array[]): Promise<void> {
    this.stream.write(Buffer.concat(bytes));
    await settle();
  }

  /** Breaks the connection, as a reset by the peer does. */
  async break(): Promise<void> {
    this.#served.destroy(new Error('read ECONNRESET'));
    await this.connection.closed;
  }

  /** Sends a request. */
  async request(streamId: number, { type = 1, flags = 0, ...envelope }: RawRequest = {}): Promise<void> {
    await this.send(requestFrame(streamId, { type, flags, ...envelope }));
  }

  /** The answers of a stream as `code message`. */
  answersOf(streamId: number): string[] {
    return this.answers
      .filter((answer) => answer.streamId === streamId)
      .map(({ code, message }) => `${code} ${message}`.trim());
  }
}

/** The frame of a request. */
export function requestFrame(streamId: number, request: RawRequest = {}): Uint8Array {
  const { type = 1, flags = 0, method = 'M', payload = Buffer.alloc(0), timeoutMs } = request;
  const header: FrameHeader = { streamId, type, flags };
  return encodeFrame(header, encodeRequest({ service: 's', method, payload, timeoutMs, metadata: new Map() }));
}
