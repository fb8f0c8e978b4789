/** Looks for Ctrl-P Ctrl-Q among what is typed: the keys that leave an attached container, docker's. */

const CTRL_P = 0x10;
const CTRL_Q = 0x11;

/** What became of some keys. */
export interface Keys {
  /** To pass on. */
  readonly bytes: Buffer;
  /** The two keys came; what was typed after them is dropped. */
  readonly detached: boolean;
}

/** Filters keys. A Ctrl-P is held back until the next key shows what it was. */
export class DetachKeys {
  #held = false;

  /** Takes the next keys. */
  feed(chunk: Buffer): Keys {
    const passed: number[] = [];
    for (const byte of chunk) {
      if (this.#held && byte === CTRL_Q) return { bytes: Buffer.from(passed), detached: true };
      if (this.#held) passed.push(CTRL_P);
      this.#held = byte === CTRL_P;
      if (!this.#held) passed.push(byte);
    }
    return { bytes: Buffer.from(passed), detached: false };
  }
}
