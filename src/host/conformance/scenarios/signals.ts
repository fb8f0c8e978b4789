/** Signals, waits, and containers that stand still. */
import { GrpcStatus } from '../../../wire/error.ts';
import { expectEqual, expectRefusal, expectThat } from '../expectation.ts';
import type { Scenario } from '../scenario.ts';

const { FAILED_PRECONDITION, INTERNAL, INVALID_ARGUMENT, NOT_FOUND } = GrpcStatus;
const [SIGKILL, SIGTERM] = [9, 15];
const KILLED = 128 + SIGKILL;
/** A process has ended by then, or done what it does without a stop (ms). */
const A_WHILE_MS = 400;
/** An answer that needs no waiting (ms). */
const SOON_MS = 10_000;

const termUnhandled: Scenario = {
  name: 'sigterm-without-handler',
  about: 'SIGTERM ends a first process that has no handler, which the kernel alone would not do',
  run: async (scene) => {
    const container = await scene.idle();
    await scene.agent.SignalProcess({ container_id: container.id, exec_id: '', signal: SIGTERM });
    const code = await container.init.wait();
    expectThat([KILLED, 128 + SIGTERM].includes(code), 'status', '137 or 143', code);
  },
};

const termHandled: Scenario = {
  name: 'sigterm-with-handler',
  about: 'SIGTERM is delivered once to a first process that has a handler',
  run: async (scene) => {
    const script = "trap 'echo got it' TERM; echo ready; read line; read line; exit 4";
    const { id, init } = await scene.start({ args: ['sh', '-c', script] });
    await init.readUntil('ready\n');
    await scene.agent.SignalProcess({ container_id: id, exec_id: '', signal: SIGTERM });
    // The shell gives its read up for the handler, or does not; lines make it go on in either case.
    await init.write('one\ntwo\n');
    const { code, stdout } = await init.toEnd();
    expectEqual('output and status', [stdout.toString(), code], ['got it\n', 4]);
  },
};

const oneOnly: Scenario = {
  name: 'signal-one-process',
  about: 'a signal reaches the process that is named, as it is, and no other',
  run: async (scene) => {
    const container = await scene.idle();
    const [one, other] = [await container.exec({ args: ['sleep', '1000'] }), await container.exec({ args: ['cat'] })];
    await one.signal(SIGTERM);
    expectEqual('status of the one', (await one.toEnd()).code, 128 + SIGTERM);
    await other.signal(0);
    await other.closeInput();
    expectEqual('status of the other', (await other.toEnd()).code, 0);
  },
};

const killAll: Scenario = {
  name: 'sigkill-all',
  about: 'SIGKILL without an exec id ends every process of the container',
  run: async (scene) => {
    const container = await scene.idle();
    const exec = await container.exec({ args: ['sh', '-c', 'sleep 1000 & exec sleep 1000'] });
    const ended = Promise.all([container.init.wait(), exec.wait()]);
    await container.kill();
    expectEqual('statuses', await ended, [KILLED, KILLED]);
  },
};

const unknown: Scenario = {
  name: 'signal-unknown',
  about: 'a signal to an unknown container is 3, or 13 for all of it; to an unknown or collected process 5',
  run: async (scene) => {
    const container = await scene.idle();
    const signal = (container_id: string, exec_id: string, number: number): Promise<unknown> =>
      scene.agent.SignalProcess({ container_id, exec_id, signal: number });
    const nobody = scene.newId();
    await expectRefusal('unknown container', signal(nobody, nobody, SIGTERM), { statuses: [INVALID_ARGUMENT] });
    await expectRefusal('all of an unknown container', signal(nobody, '', SIGKILL), {
      statuses: [INTERNAL, INVALID_ARGUMENT],
    });
    await expectRefusal('unknown process', signal(container.id, 'nobody', SIGTERM), { statuses: [NOT_FOUND] });
    const { key } = await container.exec({ args: ['true'] });
    await scene.agent.WaitProcess(key);
    await expectRefusal('collected process', signal(container.id, key.exec_id, SIGTERM), { statuses: [NOT_FOUND] });
  },
};

const signalEnded: Scenario = {
  name: 'signal-ended',
  about: 'a signal to a process that has ended, and whose status waits, is no error',
  run: async (scene) => {
    const container = await scene.idle();
    const process = await container.exec({ args: ['true'] });
    await process.readToEnd('ReadStdout');
    await scene.pause(A_WHILE_MS);
    await process.signal(SIGTERM);
    expectEqual('status', await process.wait(), 0);
  },
};

const waits: Scenario = {
  name: 'wait',
  about: 'a late wait and three at a time get the status, one after them is 5, an unknown container 3',
  run: async (scene) => {
    const { id, init } = await scene.start({ args: ['sh', '-c', 'exit 9'] });
    await init.readToEnd('ReadStdout');
    await scene.pause(A_WHILE_MS);
    expectEqual('a late wait', await init.wait(), 9);
    await expectRefusal('a second wait', init.wait(), { statuses: [NOT_FOUND] });
    const container = await scene.idle();
    const many = Promise.all([container.init.wait(), container.init.wait(), container.init.wait()]);
    await scene.health.Check({});
    await container.init.signal(SIGKILL);
    expectEqual('three waits', await many, [KILLED, KILLED, KILLED]);
    const nobody = scene.agent.WaitProcess({ container_id: id, exec_id: 'nobody' });
    await expectRefusal('unknown process', nobody, { statuses: [NOT_FOUND] });
  },
};

const pause: Scenario = {
  name: 'pause-resume',
  about: 'a paused container stands still; a second pause, and a second resume, are refused',
  run: async (scene) => {
    const container = await scene.start({ args: ['sh', '-c', 'while :; do echo tick; sleep 0.05; done'] });
    const request = { container_id: container.id };
    await container.init.readUntil('tick\n');
    await scene.agent.PauseContainer(request);
    await expectRefusal('a second PauseContainer', scene.agent.PauseContainer(request), { statuses: [INTERNAL] });
    let more = 0;
    const reading = container.init.readToEnd('ReadStdout');
    // What was on its way when it stopped comes first; nothing else may.
    await scene.pause(A_WHILE_MS);
    void container.init.read('ReadStdout').then(
      (chunk) => {
        more += chunk.length;
      },
      () => {},
    );
    await scene.pause(A_WHILE_MS);
    expectThat(more === 0, 'output while it is paused', 'none', more);
    await scene.agent.ResumeContainer(request);
    await scene.until('output after ResumeContainer', SOON_MS, () => more > 0);
    await expectRefusal('a second ResumeContainer', scene.agent.ResumeContainer(request), { statuses: [INTERNAL] });
    await container.kill();
    await reading;
  },
};

const killPaused: Scenario = {
  name: 'kill-paused',
  about: 'a paused container can be killed and removed',
  run: async (scene) => {
    const container = await scene.idle();
    await scene.agent.PauseContainer({ container_id: container.id });
    const ended = container.init.wait();
    await container.kill();
    expectEqual('status', await ended, KILLED);
    await container.remove();
  },
};

const execPaused: Scenario = {
  name: 'exec-in-paused',
  about: 'ExecProcess in a paused container is refused at once',
  spoils: true,
  run: async (scene) => {
    const container = await scene.idle();
    await scene.agent.PauseContainer({ container_id: container.id });
    const process = { Args: ['true'], Cwd: '/', User: {} };
    const request = { container_id: container.id, exec_id: 'paused', process };
    const refused = scene.agent.ExecProcess(request, { timeoutMs: SOON_MS });
    await expectRefusal('ExecProcess', refused, { statuses: [INTERNAL, FAILED_PRECONDITION] });
    await scene.agent.ResumeContainer({ container_id: container.id });
    expectEqual('exec afterwards', (await container.shell('echo alive')).stdout.toString(), 'alive\n');
  },
};

export const SIGNALS: readonly Scenario[] = [
  termUnhandled,
  termHandled,
  oneOnly,
  killAll,
  unknown,
  signalEnded,
  waits,
  pause,
  killPaused,
];

/** Those after which an agent that fails may be of no use. */
export const SIGNALS_SPOILING: readonly Scenario[] = [execPaused];
