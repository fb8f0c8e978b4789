import { PassThrough, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { collector, sinkTo } from '../../../src/host/output.ts';

describe('sinkTo()', () => {
  it('waits until the stream has taken the bytes', async () => {
    const taken: (() => void)[] = [];
    const slow = new Writable({ write: (_chunk, _encoding, done) => void taken.push(done) });
    let resolved = false;
    const written = sinkTo(slow)(Buffer.from('x')).then(() => {
      resolved = true;
    });
    await new Promise(setImmediate);
    expect(resolved).toBe(false);
    taken[0]?.();
    await written;
    expect(resolved).toBe(true);
  });

  it('keeps bytes and their order', async () => {
    const stream = new PassThrough();
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    const sink = sinkTo(stream);
    await sink(Uint8Array.of(0, 255));
    await sink(Uint8Array.of(10));
    expect(Buffer.concat(chunks)).toEqual(Buffer.from([0, 255, 10]));
  });

  it('reports a reader that went away, then and ever after', async () => {
    const broken = new Writable({ write: (_chunk, _encoding, done) => done(new Error('EPIPE')) });
    const sink = sinkTo(broken);
    await expect(sink(Buffer.from('x'))).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
    await expect(sink(Buffer.from('x'))).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
  });
});

describe('collector()', () => {
  it('keeps everything', async () => {
    const { sink, bytes } = collector();
    await sink(Buffer.from('a'));
    await sink(Buffer.from('b'));
    expect(bytes().toString()).toBe('ab');
  });
});
