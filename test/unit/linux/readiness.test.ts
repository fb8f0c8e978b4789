import { once } from 'node:events';
import { closeSync, writeSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import { descriptorOf } from '../../../src/linux/handle.ts';
import { O_CLOEXEC, pipe2 } from '../../../src/linux/pipe.ts';
import { type ReadinessWatch, watchReadable, watchStream } from '../../../src/linux/readiness.ts';
import { readAvailable } from '../../../src/linux/transfer.ts';
import { socketPair } from '../agent/stream/socket-pair.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** Counts reports, and waits for the next one. */
function reports() {
  let next = Promise.withResolvers<void>();
  const state = { count: 0 };
  let watch: ReadinessWatch | undefined;
  const onReadable = (): void => {
    state.count += 1;
    watch?.pause();
    next.resolve();
    next = Promise.withResolvers<void>();
  };
  return { state, onReadable, use: (given: ReadinessWatch) => (watch = given), next: () => next.promise };
}

it('tells of bytes and of the end, and reads neither', async () => {
  const { read, write } = pipe2(O_CLOEXEC);
  const told = reports();
  const watch = watchReadable(read, told.onReadable);
  told.use(watch);
  cleanups.push(() => watch.close());
  const first = told.next();
  writeSync(write, 'abc');
  await first;
  const buffer = Buffer.alloc(10);
  expect(readAvailable(read, buffer)).toBe(3);
  const second = told.next();
  watch.resume();
  closeSync(write);
  await second;
  expect(readAvailable(read, buffer)).toBe(0);
});

it('says nothing while it is paused', async () => {
  const { read, write } = pipe2(O_CLOEXEC);
  cleanups.push(() => closeSync(write));
  const told = reports();
  const watch = watchReadable(read, told.onReadable);
  cleanups.push(() => watch.close());
  watch.pause();
  writeSync(write, 'abc');
  for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
  expect(told.state.count).toBe(0);
});

it('watches a stream that goes on to be written to', async () => {
  const { agent, host } = await socketPair();
  const told = reports();
  const watch = watchStream(agent, told.onReadable);
  told.use(watch);
  cleanups.push(
    () => watch.close(),
    () => void host.destroy(),
  );
  const first = told.next();
  host.write('question');
  await first;
  const buffer = Buffer.alloc(100);
  expect(readAvailable(descriptorOf(agent), buffer)).toBe(8);
  agent.write('answer');
  expect(String((await once(host, 'data'))[0])).toBe('answer');
  watch.close();
  expect(agent.destroyed).toBe(true);
  expect(() => descriptorOf(agent)).toThrow('closed');
});
