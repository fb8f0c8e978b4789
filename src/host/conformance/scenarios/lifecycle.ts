/** Containers from their creation to their removal, in the order of the shim's calls. */
import { GrpcStatus } from '../../../wire/error.ts';
import { expectEqual, expectMatch, expectRefusal, expectThat } from '../expectation.ts';
import type { Scenario } from '../scenario.ts';

const { ALREADY_EXISTS, FAILED_PRECONDITION, INTERNAL, INVALID_ARGUMENT, NOT_FOUND } = GrpcStatus;
/** A process that was killed by SIGKILL. */
const KILLED = 128 + 9;
/** A process notices that it is to run, or is dead, within milliseconds; a busy machine has more (ms). */
const SOON_MS = 10_000;

const pod: Scenario = {
  name: 'container-of-a-pod',
  about: "the shim's calls for a container beside the pause container, in their order, to its removal",
  run: async (scene) => {
    const { agent } = scene;
    const container = await scene.create({ args: ['sh', '-c', 'echo up; exec sleep 1000'] });
    await agent.OnlineCPUMem({ wait: false, nb_cpus: 0, cpu_only: false });
    await agent.UpdateEphemeralMounts({ storages: [] });
    await container.start();
    const ended = container.init.toEnd();
    expectEqual('exec', (await container.shell('echo probe')).stdout.toString(), 'probe\n');
    await container.kill();
    const { code, stdout } = await ended;
    expectEqual('output and status', [stdout.toString(), code], ['up\n', KILLED]);
    // The shim does both also where the status has been collected, and minds no error.
    await container.kill().catch(() => {});
    await container.init.wait().catch(() => {});
    await agent.RemoveContainer({ container_id: container.id, timeout: 0 });
    container.wasRemoved();
    await agent.RemoveStaleVirtiofsShareMounts({});
  },
};

const exitCodes: Scenario = {
  name: 'exit-codes',
  about: 'a status is the exit code, or 128 + n after signal n',
  run: async (scene) => {
    const first = await scene.start({ args: ['sh', '-c', 'exit 42'] });
    expectEqual('exit 42 of a first process', (await first.init.toEnd()).code, 42);
    const container = await scene.idle();
    for (const code of [0, 1, 127, 255]) {
      expectEqual(`exit ${code} of an exec`, (await container.shell(`exit ${code}`)).code, code);
    }
    expectEqual('an exec that kills itself by SIGKILL', (await container.shell('kill -9 $$')).code, KILLED);
    expectEqual('an exec that kills itself by SIGUSR1', (await container.shell('kill -USR1 $$')).code, 128 + 10);
  },
};

const surroundings: Scenario = {
  name: 'surroundings',
  about: 'a first process has the environment, directory, user, umask and host name that it shall have',
  run: async (scene) => {
    const script = 'echo $ONE; pwd; id -u; id -g; umask; hostname';
    const container = await scene.start({
      args: ['sh', '-c', script],
      change: (_request, { Process: process }) => {
        process?.Env?.push('ONE=a b');
        if (process) process.Cwd = '/tmp';
        if (process) process.User = { UID: 1000, GID: 1000, AdditionalGids: [] };
      },
    });
    const { code, stdout, stderr } = await container.init.toEnd();
    expectEqual('status', code, 0);
    const lines = stdout.toString().trim().split('\n');
    expectEqual('lines', lines, ['a b', '/tmp', '1000', '1000', '0022', scene.sandboxId]);
    expectEqual('standard error', stderr.toString(), '');
  },
};

const stdoutByPath: Scenario = {
  name: 'stdout-by-path',
  about: 'a program that is not root can open /dev/stdout and /dev/stderr by their paths',
  run: async (scene) => {
    const container = await scene.start({
      args: ['sh', '-c', 'echo out >/dev/stdout && echo err >/dev/stderr'],
      change: (_request, { Process: process }) => {
        if (process) process.User = { UID: 1000, GID: 1000 };
      },
    });
    const { code, stdout, stderr } = await container.init.toEnd();
    expectEqual('outputs', [code, stdout.toString(), stderr.toString()], [0, 'out\n', 'err\n']);
  },
};

const readOnlyRoot: Scenario = {
  name: 'read-only-root',
  about: 'a root that is read-only cannot be written to',
  run: async (scene) => {
    const container = await scene.start({
      args: ['sh', '-c', 'touch /not-there'],
      change: (_request, { Root: root }) => {
        if (root) root.Readonly = true;
      },
    });
    const { code, stderr } = await container.init.toEnd();
    expectThat(code !== 0, 'status of a write to /', 'one that is not 0', code);
    expectMatch('standard error', stderr.toString(), /read-only/i);
  },
};

const sharedPids: Scenario = {
  name: 'shared-pid-namespace',
  about: 'a container with sandbox_pidns has the processes of the pause container, one without its own only',
  run: async (scene) => {
    const own = await scene.start({ args: ['sh', '-c', 'echo $$'] });
    expectEqual('first process of a container of its own', (await own.init.toEnd()).stdout.toString(), '1\n');
    const shared = await scene.start({
      args: ['sh', '-c', 'echo $$; cat /proc/1/comm'],
      change: (request) => {
        request.sandbox_pidns = true;
      },
    });
    const [pid, first] = (await shared.init.toEnd()).stdout.toString().trim().split('\n');
    expectThat(Number(pid) > 1, 'its number in the namespace of the sandbox', 'one above 1', pid);
    expectEqual('first process of that namespace', first, 'sleep');
  },
};

const missingCommand: Scenario = {
  name: 'create-missing-command',
  about: 'CreateContainer refuses a program that is not there, by its name, and the id can be used again',
  run: async (scene) => {
    const id = scene.newId();
    const refused = scene.create({ args: ['/no/such/program'] }, id);
    await expectRefusal('CreateContainer', refused, { statuses: [INTERNAL], text: /no\/such\/program/ });
    const container = await scene.create({ args: ['true'] }, id);
    await container.start();
    expectEqual('status of the second try', (await container.init.toEnd()).code, 0);
  },
};

const badRequests: Scenario = {
  name: 'create-bad-requests',
  about: 'CreateContainer refuses a bad id, no specification, a root that is not there',
  run: async (scene) => {
    const bad = scene.create({ args: ['true'] }, '../escape');
    await expectRefusal('a bad id', bad, { statuses: [INTERNAL, INVALID_ARGUMENT] });
    const id = scene.newId();
    const nothing = scene.agent.CreateContainer({ container_id: id, exec_id: id });
    await expectRefusal('no specification', nothing, { statuses: [INTERNAL, INVALID_ARGUMENT] });
    const noRoot = scene.create({
      args: ['true'],
      change: (_request, { Root: root }) => {
        if (root) root.Path = '/run/kata-containers/shared/containers/no-such-root';
      },
    });
    await expectRefusal('a root that is not there', noRoot, { statuses: [INTERNAL, INVALID_ARGUMENT] });
  },
};

const duplicate: Scenario = {
  name: 'create-duplicate',
  about: 'CreateContainer refuses an id in use, and the container that has it goes on',
  spoils: true,
  run: async (scene) => {
    const container = await scene.idle();
    const again = scene.create({ args: ['true'] }, container.id);
    await expectRefusal('CreateContainer', again, { statuses: [ALREADY_EXISTS, INTERNAL] });
    expectEqual('exec in the first one', (await container.shell('echo alive')).stdout.toString(), 'alive\n');
  },
};

const unknownContainer: Scenario = {
  name: 'unknown-container',
  about: 'calls that name no container: 13 from those that change one, 3 from the others',
  run: async (scene) => {
    const { agent } = scene;
    const request = { container_id: scene.newId() };
    const process = { ...request, exec_id: request.container_id };
    await expectRefusal('StartContainer', agent.StartContainer(request), { statuses: [INTERNAL] });
    await expectRefusal('RemoveContainer', agent.RemoveContainer(request), { statuses: [INTERNAL] });
    const exec = agent.ExecProcess({ ...process, process: { Args: ['true'], Cwd: '/', User: {} } });
    await expectRefusal('ExecProcess', exec, { statuses: [INTERNAL] });
    for (const method of ['StatsContainer', 'PauseContainer', 'ResumeContainer', 'UpdateContainer'] as const) {
      await expectRefusal(method, agent[method]({ ...request }), { statuses: [INVALID_ARGUMENT, INTERNAL] });
    }
    for (const method of ['WaitProcess', 'ReadStdout', 'ReadStderr', 'CloseStdin', 'TtyWinResize'] as const) {
      const call = agent[method]({ ...process, len: 1 });
      await expectRefusal(method, call, { statuses: [INVALID_ARGUMENT] });
    }
    await expectRefusal('WriteStdin', agent.WriteStdin({ ...process, data: Buffer.from('x') }), {
      statuses: [INTERNAL],
    });
  },
};

const neverStarted: Scenario = {
  name: 'never-started',
  about: 'a container that was created and never started can be killed, waited for and removed',
  run: async (scene) => {
    const container = await scene.create({ args: ['true'] });
    const ended = container.init.wait();
    await container.kill();
    expectEqual('status', await ended, KILLED);
    await container.remove();
  },
};

const remove: Scenario = {
  name: 'remove',
  about: 'RemoveContainer takes a running container as well, a second one is refused, waits come to an end',
  run: async (scene) => {
    const container = await scene.idle();
    const ended = container.init.wait().catch(() => 'an error');
    await scene.agent.RemoveContainer({ container_id: container.id });
    container.wasRemoved();
    expectThat([KILLED, 'an error'].includes(await ended), 'the wait', `${KILLED} or an error`, await ended);
    const again = scene.agent.RemoveContainer({ container_id: container.id });
    await expectRefusal('a second RemoveContainer', again, { statuses: [INTERNAL] });
    const wait = container.init.wait();
    await expectRefusal('WaitProcess afterwards', wait, { statuses: [INVALID_ARGUMENT, NOT_FOUND] });
  },
};

const startTwice: Scenario = {
  name: 'start-twice',
  about: 'a second StartContainer is refused at once, and the container goes on',
  spoils: true,
  run: async (scene) => {
    const container = await scene.idle();
    const again = scene.agent.StartContainer({ container_id: container.id }, { timeoutMs: SOON_MS });
    await expectRefusal('a second StartContainer', again, { statuses: [INTERNAL, FAILED_PRECONDITION] });
    expectEqual('exec', (await container.shell('echo alive')).stdout.toString(), 'alive\n');
  },
};

const startDead: Scenario = {
  name: 'start-dead',
  about: 'StartContainer is refused at once where the process has died since its creation',
  spoils: true,
  run: async (scene) => {
    const container = await scene.create({ args: ['sleep', '1000'] });
    await container.kill();
    await container.init.wait();
    const start = scene.agent.StartContainer({ container_id: container.id }, { timeoutMs: SOON_MS });
    await expectRefusal('StartContainer', start, { statuses: [INTERNAL, FAILED_PRECONDITION] });
    await scene.idle();
  },
};

export const LIFECYCLE: readonly Scenario[] = [
  pod,
  exitCodes,
  surroundings,
  stdoutByPath,
  readOnlyRoot,
  sharedPids,
  missingCommand,
  badRequests,
  unknownContainer,
  neverStarted,
  remove,
];

/** Those after which an agent that fails may be of no use. */
export const LIFECYCLE_SPOILING: readonly Scenario[] = [duplicate, startTwice, startDead];
