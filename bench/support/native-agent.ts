/** The agent as a process of this machine, without a virtual one: near to what a processor's own virtualization gives. */
import { spawn } from 'node:child_process';
import { LiveAgent } from '../../test/unit/agent/rpc/live-agent.ts';
import { LineClient } from './line-client.ts';

/** The agent's peer there. */
const PEER = `${import.meta.dirname}/native-peer.ts`;
const COMMAND = ['sh', '-c', ':'];

/** Ways to run a program beside and by such an agent. */
export interface NativeAgent {
  /** Each runs it once. @returns the time (ms) where it was not measured here. */
  readonly parties: readonly { readonly name: string; run(): Promise<number | undefined> }[];
  stop(): Promise<void>;
}

async function startAgent(id: string, settings: string): Promise<LiveAgent> {
  const live = await LiveAgent.start(settings);
  await live.client.agent.CreateContainer(live.request(id, 'sleep 1000000'));
  await live.client.agent.StartContainer({ container_id: id });
  return live;
}

async function execOnce(live: LiveAgent, container: string): Promise<undefined> {
  const { code } = await live.runExec({ container, args: COMMAND });
  if (code !== 0) throw new Error(`status ${code}`);
}

/** Starts one agent for each way, and the peer in the mount namespace of the first. Needs root, as the agent does. */
export async function startNativeAgent(): Promise<NativeAgent> {
  const agents: LiveAgent[] = [];
  const [first, second] = ['bench-launcher', 'bench-runtime'] as const;
  const launcher = await startAgent(first, '');
  agents.push(launcher);
  const runtime = await startAgent(second, 'exec_launcher = "off"\n');
  agents.push(runtime);
  const node = [process.execPath, '--disable-warning=ExperimentalWarning', PEER];
  const peer = spawn('nsenter', ['-t', `${launcher.agentPid()}`, '-m', ...node], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const client = new LineClient(peer.stdout, peer.stdin);
  const runInPeer = async (argv: readonly string[]): Promise<number> => Number(await client.ask(JSON.stringify(argv)));
  const crun = ['--root', '/run/crun', '--cgroup-manager=cgroupfs', 'exec', first, '/bin/sh', '-c', ':'];
  return {
    parties: [
      { name: 'agent, launcher, unary', run: () => execOnce(launcher, first) },
      { name: 'agent, runtime, unary', run: () => execOnce(runtime, second) },
      { name: 'bare `crun exec`', run: () => runInPeer(['/usr/bin/crun', ...crun]) },
      {
        name: 'bare `posix_spawn`',
        run: () => runInPeer([`${launcher.rootfs}/bin/busybox`, ...COMMAND]),
      },
    ],
    stop: async () => {
      client.close();
      peer.kill();
      // One after the other: each removes all cgroups of this process.
      for (const live of agents) await live.stop();
    },
  };
}
