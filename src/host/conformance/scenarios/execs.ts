/** Further processes of a container, and terminals. */
import { GrpcStatus } from '../../../wire/error.ts';
import { expectEqual, expectMatch, expectRefusal } from '../expectation.ts';
import type { Scenario } from '../scenario.ts';

const { INTERNAL, FAILED_PRECONDITION } = GrpcStatus;
/** Execs side by side: probes of several kinds come at the same moment. */
const AT_ONCE = 8;
/** A refusal needs no waiting (ms). */
const SOON_MS = 10_000;
const SIZE = { rows: 31, columns: 101 };

const plain: Scenario = {
  name: 'exec',
  about: 'an exec has its outputs, its status, and the environment, directory and user that it shall have',
  run: async (scene) => {
    const container = await scene.idle();
    const process = await container.exec({
      args: ['sh', '-c', 'echo $ONE; pwd; id -u; id -g; echo wrong >&2; exit 5'],
      change: (wish) => {
        wish.Env?.push('ONE=a b');
        wish.Cwd = '/tmp';
        wish.User = { UID: 1000, GID: 1000 };
      },
    });
    const { code, stdout, stderr } = await process.toEnd();
    const lines = stdout.toString().trim().split('\n');
    expectEqual('standard output', lines, ['a b', '/tmp', '1000', '1000']);
    expectEqual('standard error and status', [stderr.toString(), code], ['wrong\n', 5]);
  },
};

const missing: Scenario = {
  name: 'exec-missing-command',
  about: 'ExecProcess refuses a program that is not there, by its name; the container goes on and the id is free',
  run: async (scene) => {
    const container = await scene.idle();
    const refused = container.exec({ args: ['no-such-program'] }, 'again');
    await expectRefusal('ExecProcess', refused, { statuses: [INTERNAL], text: /no-such-program/ });
    const process = await container.exec({ args: ['echo', 'alive'] }, 'again');
    expectEqual('the same id afterwards', (await process.toEnd()).stdout.toString(), 'alive\n');
  },
};

const notExecutable: Scenario = {
  name: 'exec-not-executable',
  about: 'ExecProcess refuses a file that cannot be executed',
  run: async (scene) => {
    const container = await scene.idle();
    const refused = container.exec({ args: ['/etc/passwd'] });
    await expectRefusal('ExecProcess', refused, { statuses: [INTERNAL] });
  },
};

const badRequests: Scenario = {
  name: 'exec-bad-requests',
  about: 'ExecProcess refuses no process, and an exec id in use',
  run: async (scene) => {
    const container = await scene.idle();
    const nothing = scene.agent.ExecProcess({ container_id: container.id, exec_id: 'nothing' });
    await expectRefusal('no process', nothing, { statuses: [INTERNAL] });
    const first = await container.exec({ args: ['cat'] }, 'same');
    await expectRefusal('an id in use', container.exec({ args: ['true'] }, 'same'), { statuses: [INTERNAL] });
    await first.closeInput();
    expectEqual('the first one', (await first.toEnd()).code, 0);
  },
};

const inDead: Scenario = {
  name: 'exec-in-ended-container',
  about: 'ExecProcess is refused at once where the first process has ended',
  run: async (scene) => {
    const container = await scene.start({ args: ['true'] });
    expectEqual('status', (await container.init.toEnd()).code, 0);
    const process = { Args: ['true'], Cwd: '/', User: {} };
    const request = { container_id: container.id, exec_id: container.newExecId(), process };
    const refused = scene.agent.ExecProcess(request, { timeoutMs: SOON_MS });
    await expectRefusal('ExecProcess', refused, { statuses: [INTERNAL, FAILED_PRECONDITION] });
  },
};

const manyAtOnce: Scenario = {
  name: 'exec-many',
  about: `${AT_ONCE} execs at once each have their own output and status`,
  run: async (scene) => {
    const container = await scene.idle();
    const numbers = Array.from({ length: AT_ONCE }, (_, n) => n);
    const ended = await Promise.all(numbers.map((n) => container.shell(`echo ${n}; exit ${n}`)));
    expectEqual(
      'outputs and statuses',
      ended.map(({ code, stdout }) => [code, stdout.toString()]),
      numbers.map((n) => [n, `${n}\n`]),
    );
  },
};

const terminal: Scenario = {
  name: 'tty',
  about: 'an exec with a terminal is told of sizes, echoes, and takes input',
  run: async (scene) => {
    const container = await scene.idle();
    const script = 'read line; stty size; read line; stty size; exit 6';
    const process = await container.exec({ args: ['sh', '-c', script], terminal: SIZE });
    await process.resize(SIZE.rows, SIZE.columns);
    await process.write('one\n');
    expectMatch('output', await process.readUntil('31 101\r\n'), /^one\r\n31 101\r\n$/);
    await process.resize(44, 55);
    await process.write('two\n');
    const { code, stdout } = await process.terminalToEnd();
    expectMatch('output after the new size', stdout.toString(), /^two\r\n44 55\r\n$/);
    expectEqual('status', code, 6);
  },
};

const terminalOfInit: Scenario = {
  name: 'tty-of-container',
  about: "a container's first process has a terminal that controls it, and its output comes to an end",
  run: async (scene) => {
    const script = 'read line; stty size; echo end >/dev/tty';
    const { init } = await scene.start({ args: ['sh', '-c', script], terminal: SIZE });
    await init.resize(SIZE.rows, SIZE.columns);
    await init.write('one\n');
    const { stdout, code } = await init.terminalToEnd();
    expectEqual('output and status', [stdout.toString(), code], ['one\r\n31 101\r\nend\r\n', 0]);
  },
};

const terminalByName: Scenario = {
  name: 'tty-by-name',
  about: "a terminal is one of the container's own: programs find its name, and can open it by that",
  run: async (scene) => {
    const container = await scene.idle();
    const process = await container.exec({ args: ['sh', '-c', 'tty && echo opened >$(tty)'], terminal: SIZE });
    const { stdout, code } = await process.terminalToEnd();
    expectMatch('output', stdout.toString(), /^\/dev\/pts\/\d+\r\nopened\r\n$/);
    expectEqual('status', code, 0);
  },
};

const resize: Scenario = {
  name: 'tty-resize',
  about: 'TtyWinResize is refused with 14 without a terminal, and taken while the status of an ended process waits',
  run: async (scene) => {
    const container = await scene.idle();
    await expectRefusal('without a terminal', container.init.resize(10, 20), { statuses: [GrpcStatus.UNAVAILABLE] });
    const process = await container.exec({ args: ['true'], terminal: SIZE });
    await process.resize(10, 20);
    await process.readToEnd('ReadStdout');
    await process.resize(10, 21);
    expectEqual('status', await process.wait(), 0);
  },
};

export const EXECS: readonly Scenario[] = [
  plain,
  missing,
  notExecutable,
  badRequests,
  inDead,
  manyAtOnce,
  terminal,
  terminalOfInit,
  terminalByName,
  resize,
];
