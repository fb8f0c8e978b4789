import { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { splice } from '../../../../src/host/vsock/splice.ts';
import { closeOf, turns } from './fixture.ts';

/** A stream whose other side is the test: what is written waits until it is taken, what is pushed is read. */
class Side extends Duplex {
  readonly taken: string[] = [];
  #held: (() => void) | undefined;

  override _read(): void {
    // The test pushes.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.taken.push(chunk.toString());
    this.#held = done;
  }

  /** Takes what was written, until nothing more comes. */
  async release(): Promise<void> {
    while (this.#held !== undefined) {
      const held = this.#held;
      this.#held = undefined;
      held();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

function setUp() {
  const client = new Side();
  const guest = new Side();
  splice(client, guest);
  return { client, guest };
}

describe('splice()', () => {
  it('carries bytes and ends, each direction on its own', async () => {
    const { client, guest } = setUp();
    client.push('question');
    client.push(null);
    await turns();
    await guest.release();
    expect(guest.taken).toEqual(['question']);
    expect(guest.writableFinished).toBe(true);
    expect(client.writableEnded).toBe(false);
    guest.push('answer');
    guest.push(null);
    await turns();
    await client.release();
    expect(client.taken).toEqual(['answer']);
    expect([client.destroyed, guest.destroyed]).toEqual([true, true]);
  });

  it('gives a slow client what the guest sent before it was cut', async () => {
    const { client, guest } = setUp();
    guest.push('one ');
    guest.push('two');
    await turns();
    guest.destroy();
    await closeOf(guest);
    expect(client.destroyed).toBe(false);
    const closed = closeOf(client);
    await client.release();
    await closed;
    expect(client.taken.join('')).toBe('one two');
  });

  it('cuts the guest where the client is cut', async () => {
    const { client, guest } = setUp();
    client.destroy(new Error('gone'));
    await closeOf(guest);
    expect(guest.errored).toBeNull();
  });
});
