import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  encodeFrame,
  FrameDecoder,
  type FrameEvent,
  HEADER_LENGTH,
  MAX_PAYLOAD_LENGTH,
} from '../../../../src/wire/ttrpc/frame.ts';
import { cut } from './pieces.ts';

const headers = fc.record({
  streamId: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  type: fc.integer({ min: 0, max: 255 }),
  flags: fc.integer({ min: 0, max: 255 }),
});
const frames = fc.record({ header: headers, payload: fc.uint8Array({ maxLength: 300 }) });
const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 });

/** The header of a frame alone. */
function header(length: number, streamId: number, type: number, flags = 0): Buffer {
  const bytes = Buffer.alloc(HEADER_LENGTH);
  bytes.writeUInt32BE(length, 0);
  bytes.writeUInt32BE(streamId, 4);
  bytes.writeUInt8(type, 8);
  bytes.writeUInt8(flags, 9);
  return bytes;
}

function decodeAll(pieces: readonly Uint8Array[]): FrameEvent[] {
  const decoder = new FrameDecoder();
  return pieces.flatMap((piece) => decoder.push(piece));
}

/** Payloads as plain arrays: a Buffer and a Uint8Array of the same bytes are the same payload. */
function comparable(events: readonly FrameEvent[]): unknown[] {
  return events.map((event) => (event.kind === 'frame' ? { ...event, payload: [...event.payload] } : event));
}

describe('encodeFrame()', () => {
  it('writes length, stream id, type and flags big endian, then the payload', () => {
    const frame = encodeFrame({ streamId: 0x01020304, type: 2, flags: 5 }, Buffer.from('abc'));
    expect(Buffer.from(frame).toString('hex')).toBe('00000003' + '01020304' + '02' + '05' + '616263');
  });
});

describe('FrameDecoder', () => {
  it('gives back what was encoded, however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(frames, { maxLength: 6 }), sizes, (sent, lengths) => {
        const bytes = Buffer.concat(sent.map((frame) => encodeFrame(frame.header, frame.payload)));
        const expected = sent.map((frame) => ({ kind: 'frame', header: frame.header, payload: [...frame.payload] }));
        expect(comparable(decodeAll(cut(bytes, lengths)))).toEqual(expected);
      }),
    );
  });

  it('gives the same events for random bytes, however they are cut, and never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), sizes, (bytes, lengths) => {
        expect(comparable(decodeAll(cut(bytes, lengths)))).toEqual(comparable(decodeAll([bytes])));
      }),
    );
  });

  it('finds a frame at every single place where the stream may be cut in two', () => {
    const bytes = Buffer.concat([
      encodeFrame({ streamId: 1, type: 1, flags: 0 }, Buffer.from('first')),
      encodeFrame({ streamId: 3, type: 1, flags: 0 }, Buffer.alloc(0)),
      encodeFrame({ streamId: 5, type: 2, flags: 1 }, Buffer.from('third')),
    ]);
    const whole = comparable(decodeAll([bytes]));
    expect(whole).toHaveLength(3);
    for (let at = 0; at <= bytes.length; at += 1) {
      expect(comparable(decodeAll([bytes.subarray(0, at), bytes.subarray(at)]))).toEqual(whole);
    }
  });

  it('takes a payload of the maximum length', () => {
    const payload = Buffer.alloc(MAX_PAYLOAD_LENGTH, 7);
    const [event] = decodeAll(cut(encodeFrame({ streamId: 1, type: 1, flags: 0 }, payload), [65_536]));
    expect(event?.kind === 'frame' && payload.equals(event.payload)).toBe(true);
  });

  it('reports the header of a longer frame at once, throws its payload away, and reads on', () => {
    const length = MAX_PAYLOAD_LENGTH + 1;
    const decoder = new FrameDecoder();
    expect(decoder.push(header(length, 9, 1))).toEqual([
      { kind: 'oversized', header: { streamId: 9, type: 1, flags: 0 }, length },
    ]);
    for (const piece of cut(Buffer.alloc(length), [100_000])) expect(decoder.push(piece)).toEqual([]);
    const [next] = decoder.push(encodeFrame({ streamId: 11, type: 1, flags: 0 }, Buffer.from('x')));
    expect(next).toMatchObject({ kind: 'frame', header: { streamId: 11 } });
  });

  it('calls a header garbage when neither type nor length can be right, and decodes nothing after it', () => {
    const decoder = new FrameDecoder();
    const events = decoder.push(Buffer.from('GET / HTTP/1.1\r\nHost: guest\r\n\r\n'));
    expect(events).toHaveLength(1);
    expect(events[0]?.kind).toBe('garbage');
    expect(decoder.push(encodeFrame({ streamId: 1, type: 1, flags: 0 }, Buffer.alloc(0)))).toEqual([]);
  });

  it('waits for the rest of a half frame', () => {
    const decoder = new FrameDecoder();
    expect(decoder.push(header(5, 1, 1).subarray(0, 7))).toEqual([]);
    expect(decoder.push(header(5, 1, 1).subarray(7))).toEqual([]);
    expect(decoder.push(Buffer.from('1234'))).toEqual([]);
    expect(comparable(decoder.push(Buffer.from('5')))).toEqual([
      { kind: 'frame', header: { streamId: 1, type: 1, flags: 0 }, payload: [...Buffer.from('12345')] },
    ]);
  });
});
