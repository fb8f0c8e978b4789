import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Inbox } from '../../../../src/host/vsock/inbox.ts';

describe('Inbox', () => {
  it('gives back the bytes in order, whatever the sizes, with takes in between', () => {
    const step = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 5 }),
      fc.uint8Array({ minLength: 2000, maxLength: 5000 }),
      fc.constant('take' as const),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const inbox = new Inbox();
        const put: Uint8Array[] = [];
        const got: Uint8Array[] = [];
        const take = (): boolean => {
          const chunk = inbox.take();
          if (chunk !== undefined) got.push(chunk);
          return chunk !== undefined;
        };
        let length = 0;
        for (const item of steps) {
          if (item === 'take') {
            length -= take() ? (got.at(-1)?.length ?? 0) : 0;
          } else {
            inbox.append(item);
            put.push(item);
            length += item.length;
          }
          expect(inbox.length).toBe(length);
        }
        while (take()) expect(inbox.length).toBeGreaterThanOrEqual(0);
        expect(Buffer.concat(got).equals(Buffer.concat(put))).toBe(true);
        expect(inbox.length).toBe(0);
      }),
    );
  });

  it('packs chunks of one byte', () => {
    const inbox = new Inbox();
    for (let count = 0; count < 100_000; count += 1) inbox.append(Uint8Array.of(count));
    let chunks = 0;
    while (inbox.take() !== undefined) chunks += 1;
    expect(chunks).toBeLessThan(30);
  });
});
