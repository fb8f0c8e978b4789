import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReceiveCredit, SendCredit } from '../../../../src/wire/vsock/credit.ts';

describe('SendCredit', () => {
  it('gives nothing before the peer has told its buffer', () => {
    expect(new SendCredit().available()).toBe(0);
  });

  it('is the buffer less what is in flight', () => {
    const credit = new SendCredit();
    credit.update({ bufAlloc: 1000, fwdCnt: 0 });
    credit.consume(700);
    expect(credit.available()).toBe(300);
    credit.update({ bufAlloc: 1000, fwdCnt: 600 });
    expect(credit.available()).toBe(900);
  });

  it('is nothing where the peer shrinks its buffer, or claims to have taken what was not sent', () => {
    const credit = new SendCredit();
    credit.update({ bufAlloc: 1000, fwdCnt: 0 });
    credit.consume(500);
    credit.update({ bufAlloc: 100, fwdCnt: 0 });
    expect(credit.available()).toBe(0);
    credit.update({ bufAlloc: 1000, fwdCnt: 501 });
    expect(credit.available()).toBe(0);
  });
});

describe('ReceiveCredit', () => {
  it('accepts what fits to the byte, and counts nothing of what does not', () => {
    const credit = new ReceiveCredit(100);
    expect(credit.accept(60)).toBe(true);
    expect(credit.accept(41)).toBe(false);
    expect(credit.accept(40)).toBe(true);
    expect(credit.accept(1)).toBe(false);
    credit.forward(1);
    expect(credit.accept(1)).toBe(true);
  });

  it('is due for an update at half of the buffer, once', () => {
    const credit = new ReceiveCredit(100);
    credit.accept(100);
    credit.forward(49);
    expect(credit.updateDue()).toBe(false);
    credit.forward(1);
    expect(credit.updateDue()).toBe(true);
    expect(credit.stamp()).toEqual({ bufAlloc: 100, fwdCnt: 50 });
    expect(credit.updateDue()).toBe(false);
  });
});

describe('the two together', () => {
  it('never stop and never overrun, over the wrap of the counters', () => {
    const BUFFER_BYTES = 2 ** 30;
    const step = fc.tuple(fc.nat(BUFFER_BYTES), fc.nat(BUFFER_BYTES));
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 100 }), (rounds) => {
        const sender = new SendCredit();
        const receiver = new ReceiveCredit(BUFFER_BYTES);
        let held = 0;
        for (const [want, take] of rounds) {
          sender.update(receiver.stamp());
          expect(sender.available()).toBe(BUFFER_BYTES - held);
          const bytes = Math.min(want, sender.available());
          sender.consume(bytes);
          expect(receiver.accept(bytes)).toBe(true);
          held += bytes;
          const taken = Math.min(take, held);
          receiver.forward(taken);
          held -= taken;
        }
      }),
    );
  });

  it('go on exactly when the counters pass 2^32', () => {
    const sender = new SendCredit();
    const receiver = new ReceiveCredit(2 ** 31);
    for (let round = 0; round < 5; round += 1) {
      sender.update(receiver.stamp());
      expect(sender.available()).toBe(2 ** 31);
      sender.consume(2 ** 31);
      expect(sender.available()).toBe(0);
      expect(receiver.accept(2 ** 31)).toBe(true);
      receiver.forward(2 ** 31);
      expect(receiver.updateDue()).toBe(true);
    }
  });
});
