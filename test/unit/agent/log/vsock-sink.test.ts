import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ReaderSink } from '../../../../src/agent/log/vsock-sink.ts';

/** What a stream gives until it ends. */
async function readAll(stream: Socket): Promise<string> {
  let all = '';
  for await (const chunk of stream) all += String(chunk);
  return all;
}

describe('ReaderSink', () => {
  const path = `\0log-sink-test-${process.pid}`;
  let sink: ReaderSink;
  let server: Server;
  let accepted: Socket[];
  beforeEach(async () => {
    sink = new ReaderSink((dropped) => `dropped ${dropped}\n`);
    accepted = [];
    server = createServer((socket) => {
      accepted.push(socket);
      sink.accept(socket);
    }).listen(path);
    await once(server, 'listening');
  });
  afterEach(() => {
    server.close();
  });

  it('keeps lines until a reader comes, then passes each on', async () => {
    sink.write('early\n');
    const reader = connect(path);
    await once(reader, 'readable');
    sink.write('later\n');
    const got = readAll(reader);
    await sink.close();
    expect(await got).toBe('early\nlater\n');
  });

  it('turns a second reader away, and takes the next one after the first has gone', async () => {
    const first = connect(path);
    sink.write('one\n');
    await once(first, 'readable');
    expect(await readAll(connect(path))).toBe('');
    expect(first.read().toString()).toBe('one\n');
    first.destroy();
    await once(accepted[0] ?? server, 'close');
    const next = connect(path);
    sink.write('two\n');
    await once(next, 'readable');
    const got = readAll(next);
    await sink.close();
    expect(await got).toBe('two\n');
  });

  it('drops lines beyond its queue while nobody reads, and tells how many', async () => {
    const line = `${'x'.repeat(1023)}\n`;
    for (let count = 0; count < 300; count += 1) sink.write(line);
    const reader = connect(path);
    let got = '';
    reader.on('data', (chunk) => {
      got += String(chunk);
    });
    while (got.length < 256 * 1024) await once(reader, 'data');
    sink.write('after\n');
    while (!got.endsWith('after\n')) await once(reader, 'data');
    reader.destroy();
    expect(got.slice(256 * 1024)).toBe('dropped 44\nafter\n');
  });

  it('closes at once without a reader', async () => {
    sink.write('nobody\n');
    await expect(sink.close()).resolves.toBeUndefined();
  });
});
