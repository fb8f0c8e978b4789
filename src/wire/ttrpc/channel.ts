/** Frames over a byte stream: what client and server have in common. */
import type { Duplex } from 'node:stream';
import { KataError } from '../error.ts';
import { encodeFrame, FrameDecoder, type FrameEvent, type FrameHeader } from './frame.ts';

/** What happens on a channel. None of these may throw. */
export interface ChannelEvents {
  /** A frame came, whole or too long. */
  readonly onFrame: (event: Exclude<FrameEvent, { kind: 'garbage' }>) => void;
  /** The peer will send no more; what we send may still reach it. */
  readonly onEnd: () => void;
  /** Nothing comes or goes any more. Called once, and nothing after it. */
  readonly onClose: (reason: KataError) => void;
}

/** The error of everything that a closed connection takes with it; other clients of ttrpc look for this text. */
function closedError(cause?: unknown): KataError {
  return new KataError('ERR_UNAVAILABLE', 'ttrpc: closed', cause === undefined ? {} : { cause });
}

/**
 * What to do while the stream holds more than it wants of what we wrote.
 * - `stop-reading`, for a server: a peer that asks and never reads fills its own connection, and no more.
 * - `read-on`, for a client: its callers wait for answers anyway. Were both sides to stop, each would wait for the other.
 */
export type WhenFull = 'stop-reading' | 'read-on';

/** One connection, cut into frames. */
export class Channel {
  readonly #stream: Duplex;
  readonly #whenFull: WhenFull;
  readonly #events: ChannelEvents;
  #reason: KataError | undefined;

  constructor(stream: Duplex, whenFull: WhenFull, events: ChannelEvents) {
    const decoder = new FrameDecoder();
    this.#stream = stream;
    this.#whenFull = whenFull;
    this.#events = events;
    stream.on('data', (chunk: Uint8Array) => this.#receive(decoder.push(chunk)));
    stream.on('drain', () => stream.resume());
    stream.on('end', () => {
      if (this.#reason === undefined) events.onEnd();
    });
    // Kept after the close: a late error that nobody listens to would end the process.
    stream.on('error', (error) => this.close(closedError(error)));
    stream.on('close', () => this.close());
  }

  /** Why the channel is closed; undefined while it is open. */
  get reason(): KataError | undefined {
    return this.#reason;
  }

  /** Sends a frame; without effect where the stream takes nothing any more, which its close reports. */
  send(header: FrameHeader, payload: Uint8Array): void {
    if (this.#reason !== undefined || !this.#stream.writable) return;
    const hasRoom = this.#stream.write(encodeFrame(header, payload));
    if (!hasRoom && this.#whenFull === 'stop-reading') this.#stream.pause();
  }

  /** Closes once everything that was sent is out. */
  finish(): void {
    if (this.#reason === undefined) this.#stream.end(() => this.close());
  }

  /** Closes at once. What was not sent yet is lost. */
  close(reason: KataError = closedError()): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#stream.destroy();
    this.#events.onClose(reason);
  }

  #receive(events: readonly FrameEvent[]): void {
    for (const event of events) {
      // A handler may have closed the channel in the middle of a chunk.
      if (this.#reason !== undefined) return;
      if (event.kind === 'garbage') {
        const { type } = event.header;
        this.close(
          new KataError(
            'ERR_PROTOCOL',
            `not ttrpc: a message of type ${type} with ${event.length} bytes was announced`,
          ),
        );
        return;
      }
      this.#events.onFrame(event);
    }
  }
}
