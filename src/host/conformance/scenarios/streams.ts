/** Standard input and outputs, by the calls that carry them. */
import { GrpcStatus } from '../../../wire/error.ts';
import { expectEqual, expectRefusal, expectThat } from '../expectation.ts';
import type { Scenario } from '../scenario.ts';

/** Each of the two outputs of the long test: ten reads of the shim, and a rest (bytes). */
const LONG_OUTPUT = 10 * 32 * 1024 + 77;
/** A pipe holds so much at least, so a program can end before any of it was read (bytes). */
const PIPE_BYTES = 64 * 1024;
/** More than fits into a pipe (bytes). */
const LONG_INPUT = 200_000;
/** A process has ended by then (ms). */
const ENDED_MS = 500;
/** Ends of streams come at once; a busy machine has this long (ms). */
const SOON_MS = 10_000;

const toTheEnd: Scenario = {
  name: 'outputs-to-the-end',
  about: 'both outputs are read in parts of 32 KiB to their ends, side by side, exactly',
  run: async (scene) => {
    const script = `head -c ${LONG_OUTPUT} /dev/zero | tr '\\0' o; head -c ${LONG_OUTPUT} /dev/zero | tr '\\0' e >&2; exit 3`;
    const container = await scene.start({ args: ['sh', '-c', script] });
    const { code, stdout, stderr } = await container.init.toEnd();
    expectEqual('status', code, 3);
    expectThat(stdout.equals(Buffer.alloc(LONG_OUTPUT, 'o')), 'standard output', `${LONG_OUTPUT} o`, stdout.length);
    expectThat(stderr.equals(Buffer.alloc(LONG_OUTPUT, 'e')), 'standard error', `${LONG_OUTPUT} e`, stderr.length);
  },
};

const emptyFirst: Scenario = {
  name: 'end-by-an-empty-answer',
  about: 'the first read at the end answers OK without bytes: newer shims end there',
  run: async (scene) => {
    const { init } = await scene.start({ args: ['echo', 'word'] });
    expectEqual('first read', (await init.read('ReadStdout')).toString(), 'word\n');
    expectEqual('read at the end', (await init.read('ReadStdout')).length, 0);
    expectEqual('read at the end of standard error', (await init.read('ReadStderr')).length, 0);
    expectEqual('status', await init.wait(), 0);
  },
};

const errorThen: Scenario = {
  name: 'end-by-an-error',
  about: 'later reads at the end answer an error: shims up to 3.19 end there only, and never call WaitProcess before',
  run: async (scene) => {
    const { init } = await scene.start({ args: ['sh', '-c', 'echo word; echo wrong >&2'] });
    const [stdout, stderr] = await Promise.all([init.readToError('ReadStdout'), init.readToError('ReadStderr')]);
    expectEqual('outputs', [stdout.toString(), stderr.toString()], ['word\n', 'wrong\n']);
    expectEqual('status', await init.wait(), 0);
  },
};

const lateRead: Scenario = {
  name: 'late-read',
  about: 'a process that has ended loses nothing of what it printed and nobody has read yet',
  run: async (scene) => {
    const { init } = await scene.start({ args: ['sh', '-c', `head -c ${PIPE_BYTES} /dev/zero; echo x >&2`] });
    await scene.pause(ENDED_MS);
    const { code, stdout, stderr } = await init.toEnd();
    expectEqual('bytes and status', [stdout.length, stderr.toString(), code], [PIPE_BYTES, 'x\n', 0]);
  },
};

const readAfterWait: Scenario = {
  name: 'read-after-wait',
  about: 'reads after the status was collected come to an end',
  run: async (scene) => {
    const { init } = await scene.start({ args: ['true'] });
    expectEqual('status without a read', await init.wait(), 0);
    expectEqual('bytes', (await init.readToEnd('ReadStdout')).length, 0);
  },
};

const background: Scenario = {
  name: 'background-child',
  about: 'outputs end when the process has, though a child in the background has them open',
  run: async (scene) => {
    const container = await scene.idle();
    const process = await container.exec({ args: ['sh', '-c', 'sleep 1000 & echo started'] });
    expectEqual('first read', (await process.read('ReadStdout')).toString(), 'started\n');
    await scene.pause(ENDED_MS);
    let ended = false;
    void process.toEnd().then(
      () => {
        ended = true;
      },
      () => {},
    );
    await scene.until('the end of the outputs', SOON_MS, () => ended);
  },
};

const shortReads: Scenario = {
  name: 'read-length',
  about: 'a read gives no more bytes than were asked for, and the rest later',
  run: async (scene) => {
    const { init } = await scene.start({ args: ['echo', '0123456789'] });
    expectEqual('4 bytes', (await init.read('ReadStdout', 4)).toString(), '0123');
    expectEqual('the rest', (await init.readToEnd('ReadStdout')).toString(), '456789\n');
    expectEqual('status', await init.wait(), 0);
  },
};

const slowReader: Scenario = {
  name: 'slow-reader',
  about: 'a program whose output nobody reads waits, and goes on when somebody does',
  run: async (scene) => {
    const script = `head -c ${LONG_OUTPUT} /dev/zero; echo over >&2`;
    const { init } = await scene.start({ args: ['sh', '-c', script] });
    const errors = init.readToEnd('ReadStderr');
    let over = false;
    void errors.then(
      () => {
        over = true;
      },
      () => {},
    );
    await scene.pause(ENDED_MS);
    expectThat(!over, 'the program', 'one that waits at its full pipe', 'its end');
    expectEqual('bytes', (await init.readToEnd('ReadStdout')).length, LONG_OUTPUT);
    expectEqual('standard error', (await errors).toString(), 'over\n');
    expectEqual('status', await init.wait(), 0);
  },
};

const input: Scenario = {
  name: 'stdin',
  about: 'WriteStdin takes all that it is given, CloseStdin ends it and may be repeated',
  run: async (scene) => {
    const container = await scene.idle();
    const process = await container.exec({ args: ['cat'] });
    const data = Buffer.alloc(LONG_INPUT, '0123456789abcde\n');
    const reading = process.readToEnd('ReadStdout');
    expectEqual('length that was taken', await process.write(data), data.length);
    await process.closeInput();
    await process.closeInput();
    expectThat((await reading).equals(data), 'what came back', 'what was written', (await reading).length);
    expectEqual('status', await process.wait(), 0);
  },
};

const inputOfInit: Scenario = {
  name: 'stdin-of-container',
  about: "a container's first process waits for its input until CloseStdin; an empty WriteStdin ends it too",
  run: async (scene) => {
    for (const end of ['CloseStdin', 'WriteStdin without bytes']) {
      const { init } = await scene.start({ args: ['sh', '-c', 'read line; echo "got $line"; cat'] });
      await init.write('hello\n');
      expectEqual('output', (await init.read('ReadStdout')).toString(), 'got hello\n');
      if (end === 'CloseStdin') await init.closeInput();
      else await init.write('');
      expectEqual(`status after ${end}`, (await init.toEnd()).code, 0);
    }
  },
};

const writeAfterClose: Scenario = {
  name: 'stdin-after-close',
  about: 'WriteStdin after CloseStdin is refused',
  run: async (scene) => {
    const container = await scene.idle();
    const process = await container.exec({ args: ['sleep', '1000'] });
    await process.closeInput();
    await expectRefusal('WriteStdin', process.write('x'), { statuses: [GrpcStatus.INTERNAL] });
  },
};

const writeToDead: Scenario = {
  name: 'stdin-of-the-dead',
  about: 'a WriteStdin that waits comes to an end when its process does, though a child has the pipe open',
  run: async (scene) => {
    const container = await scene.idle();
    const process = await container.exec({ args: ['sh', '-c', 'sleep 1000 <&0 & exec sleep 1000'] });
    let ended = false;
    const onEnd = (): void => {
      ended = true;
    };
    void process.write(Buffer.alloc(LONG_INPUT)).then(onEnd, onEnd);
    await scene.pause(ENDED_MS);
    expectThat(!ended, 'WriteStdin of more than a pipe holds', 'a call that waits', 'an answer');
    await process.signal(9);
    await scene.until('the end of WriteStdin', SOON_MS, () => ended);
    expectEqual('status', await process.wait(), 137);
  },
};

export const STREAMS: readonly Scenario[] = [
  toTheEnd,
  emptyFirst,
  errorThen,
  lateRead,
  readAfterWait,
  background,
  shortReads,
  slowReader,
  input,
  inputOfInit,
  writeAfterClose,
  writeToDead,
];
