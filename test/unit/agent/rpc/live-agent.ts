/** An agent on this machine, with real containers, in a mount namespace of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { grpc } from '../../../../src/wire/generated/proto.js';
import { AgentClient } from '../../../../src/wire/ttrpc/agent-client.ts';
import { TtrpcClient } from '../../../../src/wire/ttrpc/client.ts';
import { guardAgent } from '../remove-cgroups.ts';

const MAIN = new URL('../../../../src/agent/main.ts', import.meta.url).pathname;
const BUSYBOX = '/bin/busybox';
const APPLETS = [
  'sh',
  'sleep',
  'cat',
  'head',
  'hostname',
  'ls',
  'id',
  'grep',
  'stty',
  'tty',
  'kill',
  'yes',
  'dd',
  'wc',
  'env',
];
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
  readonly process?: grpc.Process.$Properties;
}

/** A process in a container that runs. */
export interface LiveExec {
  readonly container: string;
  readonly id?: string;
  readonly args: readonly string[];
  readonly process?: grpc.Process.$Properties;
  readonly user?: grpc.StringUser.$Properties;
}

/** How a process ended, with all that it wrote. */
export interface LiveResult {
  readonly code: number;
  readonly out: Buffer;
  readonly err: Buffer;
}

/** Files of the root file system beside the programs. */
const ETC = {
  passwd: 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1001:A User:/home/user:/bin/sh\n',
  group: 'root:x:0:\nusers:x:1001:\nextra:x:1002:user\n',
};

/** The agent, its client, and a root file system. */
export class LiveAgent {
  readonly client: AgentClient;
  readonly child: ChildProcess;
  readonly rootfs: string;
  readonly #base: string;
  readonly #clean: () => Promise<void>;
  #execs = 0;
  #log = '';

  private constructor(base: string, child: ChildProcess, client: AgentClient, clean: () => Promise<void>) {
    child.stdout?.on('data', (chunk: Buffer) => {
      this.#log += chunk.toString();
    });
    this.#base = base;
    this.#clean = clean;
    this.rootfs = join(base, 'rootfs');
    this.child = child;
    this.client = client;
  }

  /**
   * @param settings lines of its configuration file.
   * @param namespaces that it has of its own beside its mounts: flags of unshare(1).
   */
  static async start(settings = '', namespaces: readonly string[] = []): Promise<LiveAgent> {
    const base = mkdtempSync(join(tmpdir(), 'live-agent-'));
    for (const directory of ['bin', 'proc', 'dev', 'etc', 'tmp'])
      mkdirSync(join(base, 'rootfs', directory), { recursive: true });
    copyFileSync(BUSYBOX, join(base, 'rootfs/bin/busybox'));
    for (const applet of APPLETS) symlinkSync('busybox', join(base, 'rootfs/bin', applet));
    for (const [name, text] of Object.entries(ETC)) writeFileSync(join(base, 'rootfs/etc', name), text);
    const socket = join(base, 'agent.sock');
    const config = join(base, 'agent.toml');
    writeFileSync(config, `log_level = "debug"\n${settings}`);
    const node = [process.execPath, '--disable-warning=ExperimentalWarning', MAIN, '--config', config];
    const child = spawn('unshare', ['-m', ...namespaces, 'sh', '-ec', PREPARE, 'sh', ...node], {
      env: { ...process.env, KATA_AGENT_SERVER_ADDR: `unix://${socket}` },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const clean = guardAgent(child.pid ?? 0, `unit-${process.pid}-`, base);
    return new LiveAgent(base, child, new AgentClient(new TtrpcClient(await connectTo(socket))), clean);
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
          ...more.process,
        },
        Root: { Path: more.root ?? this.rootfs },
        Mounts: [
          { destination: '/proc', source: 'proc', type: 'proc' },
          { destination: '/dev', source: 'tmpfs', type: 'tmpfs', options: ['mode=755'] },
          {
            destination: '/dev/pts',
            source: 'devpts',
            type: 'devpts',
            options: ['newinstance', 'ptmxmode=0666', 'mode=0620'],
          },
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
  async readToEnd(container: string, method: 'ReadStdout' | 'ReadStderr', execId = container): Promise<Buffer> {
    const chunks: Uint8Array[] = [];
    for (;;) {
      const { data } = await this.client.agent[method]({ container_id: container, exec_id: execId, len: 32_768 });
      if (data.length === 0) return Buffer.concat(chunks);
      chunks.push(data);
    }
  }

  /** Runs a container from its creation to its removal. */
  async run(id: string, script: string, more?: LiveContainer): Promise<LiveResult> {
    const { agent } = this.client;
    await agent.CreateContainer(this.request(id, script, more));
    try {
      await agent.StartContainer({ container_id: id });
      return await this.finish(id, id, more?.process?.Terminal === true);
    } finally {
      await agent.RemoveContainer({ container_id: id });
    }
  }

  /** Starts a process in a container. @returns its exec id. */
  async exec({ container, id, args, process: more, user }: LiveExec): Promise<string> {
    this.#execs += 1;
    const execId = id ?? `exec-${this.#execs}`;
    await this.client.agent.ExecProcess({
      container_id: container,
      exec_id: execId,
      string_user: user ?? null,
      process: { Args: [...args], Env: ['PATH=/bin'], Cwd: '/', ...more },
    });
    return execId;
  }

  /** Reads all that a process writes, and collects its status. A terminal has one output. */
  async finish(container: string, execId: string, terminal = false): Promise<LiveResult> {
    const [out, err] = await Promise.all([
      this.readToEnd(container, 'ReadStdout', execId),
      terminal ? Buffer.alloc(0) : this.readToEnd(container, 'ReadStderr', execId),
    ]);
    const { status: code } = await this.client.agent.WaitProcess({ container_id: container, exec_id: execId });
    return { code, out, err };
  }

  /** Runs a process in a container to its end. */
  async runExec(exec: LiveExec): Promise<LiveResult> {
    const id = await this.exec(exec);
    return await this.finish(exec.container, id, exec.process?.Terminal === true);
  }

  /** Pid of the agent: what it was started with only executes one another. */
  agentPid(): number {
    return this.child.pid ?? 0;
  }

  /** What the agent has logged so far, a line each. */
  log(): readonly Readonly<Record<string, unknown>>[] {
    const complete = this.#log.slice(0, this.#log.lastIndexOf('\n') + 1).trim();
    return complete === '' ? [] : complete.split('\n').map((line) => JSON.parse(line));
  }

  /** Ends the agent where it has not ended, and removes what the test made. */
  async stop(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill('SIGKILL');
      await once(this.child, 'exit');
    }
    await this.#clean();
  }
}
