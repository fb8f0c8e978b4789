/** One who has joined the streams of a container: output goes to it, input comes from it. */
import type { Duplex } from 'node:stream';
import { encodeFrame, FrameParser } from './attach-frame.ts';
import type { OutputStream } from './log-record.ts';

/** Output that one attachment may be behind; the program waits while it is more (bytes). */
export const BACKLOG_BYTES = 1 << 20;
/**
 * An attachment that is so far behind and takes nothing for this time is dropped (ms). A terminal stopped by Ctrl-S
 * holds the program up no longer than this.
 */
const STALL_TIMEOUT_MS = 10_000;
/** A dropped one may still read what it had not read yet, for this time (ms). */
const FAREWELL_TIMEOUT_MS = 60_000;

/** Takes input for the container; resolves when there is room for more. */
export interface AttachInput {
  write(bytes: Buffer): Promise<void>;
  end(): void;
}

/** A connection of one who is attached. */
export class Attachment {
  readonly #stream: Duplex;
  readonly #stallTimeoutMs: number;
  #behind = 0;
  #open = true;
  #waiting: { readonly resolve: () => void; readonly timer: NodeJS.Timeout } | undefined;

  /**
   * @param input undefined where the container has none: what comes is thrown away.
   * @param onClose called once, when it takes no more.
   */
  constructor(
    stream: Duplex,
    input: AttachInput | undefined,
    onClose: () => void,
    stallTimeoutMs: number = STALL_TIMEOUT_MS,
  ) {
    this.#stream = stream;
    this.#stallTimeoutMs = stallTimeoutMs;
    stream.on('error', () => {});
    stream.once('close', () => {
      this.#shut();
      onClose();
    });
    // Whoever goes away is not told anything any more.
    void this.#readInput(input)
      .catch(() => {})
      .then(() => stream.destroy());
  }

  /** Sends output; resolves when there is room for more, or it has left, or was dropped. Never fails. */
  async send(kind: OutputStream, bytes: Uint8Array): Promise<void> {
    if (!this.#open) return;
    this.#behind += bytes.length;
    this.#stream.write(encodeFrame(kind, bytes), () => {
      this.#behind -= bytes.length;
      this.#progress();
    });
    if (this.#behind <= BACKLOG_BYTES) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => this.#drop(), this.#stallTimeoutMs);
      const others = this.#waiting;
      clearTimeout(others?.timer);
      this.#waiting = {
        timer,
        resolve: () => {
          others?.resolve();
          resolve();
        },
      };
    });
  }

  /** Tells how the program ended, after its last byte. */
  exit(status: number): void {
    this.#leave(encodeFrame('exit', Buffer.from(`${status}`)));
  }

  /** Ends it for another reason. */
  notice(text: string): void {
    this.#leave(encodeFrame('notice', Buffer.from(text)));
  }

  #drop(): void {
    this.notice(
      `dropped: ${BACKLOG_BYTES >> 20} MiB of output waited and nothing was taken for ${this.#stallTimeoutMs / 1000} s`,
    );
  }

  #leave(frame: Buffer): void {
    if (!this.#open) return;
    this.#stream.end(frame);
    this.#shut();
    setTimeout(() => this.#stream.destroy(), FAREWELL_TIMEOUT_MS).unref();
  }

  #progress(): void {
    if (this.#behind <= BACKLOG_BYTES) this.#release();
    else this.#waiting?.timer.refresh();
  }

  #release(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    clearTimeout(waiting?.timer);
    waiting?.resolve();
  }

  #shut(): void {
    this.#open = false;
    this.#release();
  }

  async #readInput(input: AttachInput | undefined): Promise<void> {
    const parser = new FrameParser();
    for await (const chunk of this.#stream) {
      for (const { kind, bytes } of parser.feed(chunk)) {
        if (kind === 'input') await input?.write(bytes);
        else if (kind === 'input end') input?.end();
      }
    }
  }
}
