import { describe, expect, it } from 'vitest';
import { encodeFrame, FrameParser } from '../../../../src/host/keeper/attach-frame.ts';

describe('frames', () => {
  it('come back in pieces of any size', () => {
    const sent = Buffer.concat([
      encodeFrame('stdout', Buffer.from('out')),
      encodeFrame('input end'),
      encodeFrame('exit', Buffer.from('7')),
    ]);
    for (const size of [1, 3, sent.length]) {
      const parser = new FrameParser();
      const frames = [];
      for (let at = 0; at < sent.length; at += size) frames.push(...parser.feed(sent.subarray(at, at + size)));
      expect(frames.map(({ kind, bytes }) => [kind, bytes.toString()])).toEqual([
        ['stdout', 'out'],
        ['input end', ''],
        ['exit', '7'],
      ]);
    }
  });

  it.each([[[9, 0, 0, 0, 0]], [[0, 255, 0, 0, 0]]])('are refused that nobody sends: %j', (bytes) => {
    expect(() => new FrameParser().feed(Buffer.from(bytes))).toThrow(expect.objectContaining({ code: 'ERR_PROTOCOL' }));
  });
});
