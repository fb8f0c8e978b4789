/** An agent on this machine, with real containers, in a mount namespace of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { grpc } from '../../../../src/wire/generated/proto.js';
import { AgentClient } from '../../../../src/wire/ttrpc/agent-client.ts';
import { TtrpcClient } from '../../../../src/wire/ttrpc/client.ts';

const MAIN = new URL('../../../../src/agent/main.ts', import.meta.url).pathname;
const BUSYBOX = '/bin/busybox';
const APPLETS = ['sh', 'sleep', 'cat', 'head', 'hostname', 'ls', 'id', 'grep'];
/** Only stops a hang (ms). */
const START_LIMIT_MS = 20_000;

/** What the agent keeps lies in /run, which is another one in there; version 2 of the hierarchy, whatever the machine has. */
const PREPARE = `
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mount -t cgroup2 cgroup2 /sys/fs/cgroup
exec "$@"`;

async function connectTo(path: string): Promise<Socket> {
  const end = performance.now() + START_LIMIT_MS;
  for (;;) {
    const socket = connect(path);
    try {
      await once(socket, 'connect');
      return socket;
    } catch (error) {
      if (performance.now() > end) throw error;
      await sleep(20);
    }
  }
}

/** How a test's container differs from a plain one. */
export interface LiveContainer {
  readonly cwd?: string;
  readonly uid?: number;
  readonly root?: string;
  readonly cgroupsPath?: string;
  readonly mounts?: grpc.Mount.$Properties[];
}

/** The agent, its client, and a root file system. */
export class LiveAgent {
  readonly client: AgentClient;
  readonly child: ChildProcess;
  readonly rootfs: string;
  readonly #base: string;

  private constructor(base: string, child: ChildProcess, client: AgentClient) {
    this.#base = base;
    this.rootfs = join(base, 'rootfs');
    this.child = child;
    this.client = client;
  }

  static async start(): Promise<LiveAgent> {
    const base = mkdtempSync(join(tmpdir(), 'live-agent-'));
    for (const directory of ['bin', 'proc', 'dev']) mkdirSync(join(base, 'rootfs', directory), { recursive: true });
    copyFileSync(BUSYBOX, join(base, 'rootfs/bin/busybox'));
    for (const applet of APPLETS) symlinkSync('busybox', join(base, 'rootfs/bin', applet));
    const socket = join(base, 'agent.sock');
    const node = [process.execPath, '--disable-warning=ExperimentalWarning', MAIN];
    const child = spawn('unshare', ['-m', 'sh', '-ec', PREPARE, 'sh', ...node], {
      env: { ...process.env, KATA_AGENT_SERVER_ADDR: `unix://${socket}` },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    return new LiveAgent(base, child, new AgentClient(new TtrpcClient(await connectTo(socket))));
  }

  /** Another connection to the same agent. */
  async connect(): Promise<{ readonly agent: AgentClient['agent']; readonly close: () => void }> {
    const socket = await connectTo(join(this.#base, 'agent.sock'));
    return { agent: new AgentClient(new TtrpcClient(socket)).agent, close: () => socket.destroy() };
  }

  /** A request as a shim makes it. Privileged: without the right to raise limits, no device rules can be loaded. */
  request(id: string, script: string, more: LiveContainer = {}): grpc.CreateContainerRequest.$Properties {
    return {
      container_id: id,
      exec_id: id,
      OCI: {
        Version: '1.0.2-dev',
        Process: {
          Args: ['sh', '-c', script],
          Env: ['PATH=/bin'],
          Cwd: more.cwd ?? '/',
          User: { UID: more.uid ?? 0 },
        },
        Root: { Path: more.root ?? this.rootfs },
        Mounts: [
          { destination: '/proc', source: 'proc', type: 'proc' },
          { destination: '/dev', source: 'tmpfs', type: 'tmpfs', options: ['mode=755'] },
          ...(more.mounts ?? []),
        ],
        Hostname: 'ignored',
        Linux: {
          CgroupsPath: more.cgroupsPath ?? `/unit-${process.pid}-${id}`,
          Namespaces: [{ Type: 'ipc' }, { Type: 'uts' }, { Type: 'mount' }],
          Resources: { Devices: [{ Allow: true, Type: 'a', Access: 'rwm' }] },
        },
      },
    };
  }

  /** Reads a stream to its end, as a shim does: an empty read ends it, and the next one must fail. */
  async readToEnd(id: string, method: 'ReadStdout' | 'ReadStderr'): Promise<Buffer> {
    const chunks: Uint8Array[] = [];
    for (;;) {
      const { data } = await this.client.agent[method]({ container_id: id, exec_id: id, len: 32_768 });
      if (data.length === 0) return Buffer.concat(chunks);
      chunks.push(data);
    }
  }

  /** Runs a container from its creation to its removal. */
  async run(id: string, script: string, more?: LiveContainer): Promise<{ code: number; out: Buffer; err: Buffer }> {
    const { agent } = this.client;
    await agent.CreateContainer(this.request(id, script, more));
    try {
      await agent.StartContainer({ container_id: id });
      const [out, err] = await Promise.all([this.readToEnd(id, 'ReadStdout'), this.readToEnd(id, 'ReadStderr')]);
      const { status: code } = await agent.WaitProcess({ container_id: id, exec_id: id });
      return { code, out, err };
    } finally {
      await agent.RemoveContainer({ container_id: id });
    }
  }

  /** Ends the agent where it has not ended, and removes what the test made. */
  async stop(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill('SIGKILL');
      await once(this.child, 'exit');
    }
    rmSync(this.#base, { recursive: true, force: true });
  }
}
