/** The sandbox as a whole. Its first scenario is made by every run before all others, and its last one after them. */
import { GrpcStatus } from '../../../wire/error.ts';
import { expectEqual, expectRefusal } from '../expectation.ts';
import type { Scenario } from '../scenario.ts';

/** The first step of every run. */
export const HANDSHAKE = {
  name: 'handshake',
  about: "the shim's calls for a pod up to its running pause container: the beginning of every run",
};

/** What is done beside all others. */
export const PULSE = {
  name: 'check-all-along',
  about: 'a Check each second, beside all that is done, is answered within 30 s',
};

const again: Scenario = {
  name: 'create-sandbox-twice',
  about: 'a second CreateSandbox is refused, and containers and files of the first one stay',
  spoils: true,
  run: async (scene) => {
    const container = await scene.idle();
    const call = scene.agent.CreateSandbox({ sandbox_id: scene.sandboxId, hostname: 'second' });
    await expectRefusal('CreateSandbox', call, { statuses: [GrpcStatus.FAILED_PRECONDITION, GrpcStatus.INTERNAL] });
    expectEqual('exec', (await container.shell('echo alive')).stdout.toString(), 'alive\n');
    const next = await scene.start({ args: ['true'] });
    expectEqual('another container', (await next.init.toEnd()).code, 0);
  },
};

/** An agent that is the first process of a machine syncs its disks and powers it off (ms). */
const LEAVE_MS = 20_000;

/** The last step of every run. */
export const DESTROY: Scenario = {
  name: 'destroy-sandbox',
  about: 'the pause container is stopped, DestroySandbox is answered though another one runs, and the agent leaves',
  run: async (scene) => {
    await scene.stopPause();
    const container = await scene.idle();
    let left = false;
    const waiting = container.init.wait().then(
      () => {},
      () => {},
    );
    void scene.gone.then(() => {
      left = true;
    });
    await scene.agent.DestroySandbox({});
    container.wasRemoved();
    await scene.until('the end of the agent', LEAVE_MS, () => left);
    await waiting;
  },
};

export const SANDBOX_SPOILING: readonly Scenario[] = [again];
