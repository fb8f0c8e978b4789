import { type Duplex, duplexPair } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { KataError } from '../../../../src/wire/error.ts';
import { Channel } from '../../../../src/wire/ttrpc/channel.ts';
import { encodeFrame } from '../../../../src/wire/ttrpc/frame.ts';
import { settle } from './pieces.ts';

const HEADER = { streamId: 1, type: 1, flags: 0 };

interface Seen {
  readonly channel: Channel;
  readonly peer: Duplex;
  readonly frames: number[];
  readonly reasons: KataError[];
  ends: number;
}

/** A channel over one end of a connection, and a record of what it reported. */
function open(onFrame: (seen: Seen) => void = () => {}): Seen {
  const [stream, peer] = duplexPair();
  const channel = new Channel(stream, 'stop-reading', {
    onFrame: (event) => {
      seen.frames.push(event.header.streamId);
      onFrame(seen);
    },
    onEnd: () => {
      seen.ends += 1;
    },
    onClose: (reason) => seen.reasons.push(reason),
  });
  const seen: Seen = { channel, peer, frames: [], reasons: [], ends: 0 };
  return seen;
}

describe('Channel', () => {
  it('reports frames in order and sends frames', async () => {
    const { channel, peer, frames } = open();
    peer.write(
      Buffer.concat([encodeFrame(HEADER, Buffer.from('a')), encodeFrame({ ...HEADER, streamId: 3 }, Buffer.alloc(0))]),
    );
    channel.send({ streamId: 5, type: 2, flags: 0 }, Buffer.from('reply'));
    await settle();
    expect(frames).toEqual([1, 3]);
    expect(peer.read()).toEqual(Buffer.from(encodeFrame({ streamId: 5, type: 2, flags: 0 }, Buffer.from('reply'))));
  });

  it('closes on garbage with ERR_PROTOCOL, once', async () => {
    const { channel, peer, reasons } = open();
    peer.write(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    await settle();
    channel.close();
    expect(reasons.map(({ code }) => code)).toEqual(['ERR_PROTOCOL']);
    expect(channel.reason).toBe(reasons[0]);
  });

  it('handles no frame after it was closed in the middle of a chunk', async () => {
    const { peer, frames } = open(({ channel }) => channel.close());
    peer.write(Buffer.concat([encodeFrame(HEADER, Buffer.alloc(0)), encodeFrame(HEADER, Buffer.alloc(0))]));
    await settle();
    expect(frames).toEqual([1]);
  });

  it('reports the end of the peer, and can still send', async () => {
    const seen = open();
    seen.peer.end();
    await settle();
    expect(seen.ends).toBe(1);
    seen.channel.send(HEADER, Buffer.from('late'));
    await settle();
    expect(seen.peer.read()).toEqual(Buffer.from(encodeFrame(HEADER, Buffer.from('late'))));
  });

  it('finishes after what was sent is out', async () => {
    const { channel, peer, reasons } = open();
    channel.send(HEADER, Buffer.from('last'));
    channel.finish();
    const received: Buffer[] = [];
    for await (const chunk of peer) received.push(chunk);
    expect(Buffer.concat(received)).toEqual(Buffer.from(encodeFrame(HEADER, Buffer.from('last'))));
    await settle();
    expect(reasons.map(({ message }) => message)).toEqual(['ttrpc: closed']);
  });

  it('takes an error of the stream as its end, and a late one as nothing', async () => {
    const [stream] = duplexPair();
    const reasons: KataError[] = [];
    new Channel(stream, 'stop-reading', {
      onFrame: () => {},
      onEnd: () => {},
      onClose: (reason) => reasons.push(reason),
    });
    const cause = new Error('ECONNRESET');
    stream.emit('error', cause);
    stream.emit('error', new Error('late'));
    await settle();
    expect(reasons).toHaveLength(1);
    expect(reasons[0]).toMatchObject({ code: 'ERR_UNAVAILABLE', message: 'ttrpc: closed', cause });
  });

  it('stops reading while the peer does not read, and goes on when it does', async () => {
    const seen = open(({ channel }) => channel.send({ ...HEADER, type: 2 }, Buffer.alloc(8192)));
    const COUNT = 2000;
    for (let sent = 0; sent < COUNT; sent += 1) seen.peer.write(encodeFrame(HEADER, Buffer.alloc(100)));
    await settle();
    const answeredUnread = seen.frames.length;
    // Each answer is longer than the requests that one chunk can hold, so far fewer than all may be read.
    expect(answeredUnread).toBeLessThan(COUNT / 2);
    seen.peer.resume();
    await expect.poll(() => seen.frames.length).toBe(COUNT);
  });
});
