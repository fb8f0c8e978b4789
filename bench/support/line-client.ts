/** Asks a server whose questions and answers are lines. */
import { createInterface } from 'node:readline';
import type { Duplex, Readable, Writable } from 'node:stream';

/** One connection; one question at a time. */
export class LineClient {
  readonly #answers: Readable;
  readonly #questions: Writable;
  readonly #lines: AsyncIterator<string>;

  constructor(answers: Readable, questions: Writable) {
    this.#answers = answers;
    this.#questions = questions;
    this.#lines = createInterface(answers)[Symbol.asyncIterator]();
  }

  /** A client on a connection of its own. */
  static on(stream: Duplex): LineClient {
    return new LineClient(stream, stream);
  }

  /** @throws Error where the server ends instead of answering. */
  async ask(question: string): Promise<string> {
    this.#questions.write(`${question}\n`);
    const { done, value } = await this.#lines.next();
    if (done === true) throw new Error(`no answer to ${question}`);
    return value;
  }

  close(): void {
    this.#questions.destroy();
    this.#answers.destroy();
  }
}
