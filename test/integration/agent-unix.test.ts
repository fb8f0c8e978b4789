/** The agent alone on a host, without a machine: started in a mount namespace of its own, reached over a socket file. */
import { Buffer } from 'node:buffer';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import { AgentClient } from '../../src/wire/ttrpc/agent-client.ts';
import { TtrpcClient } from '../../src/wire/ttrpc/client.ts';
import { encodeFrame, MAX_PAYLOAD_LENGTH, MessageType } from '../../src/wire/ttrpc/frame.ts';

const MAIN = fileURLToPath(new URL('../../src/agent/main.ts', import.meta.url));
const NODE = [process.execPath, '--no-warnings'];
/** Below the limit of a test; only stops a hang (ms). */
const ANSWER_MS = 20_000;
const IDLE_CONNECTIONS = 200;

/** An agent, its socket, and the log that it has printed so far. */
interface RunningAgent {
  readonly child: ChildProcess;
  readonly path: string;
  readonly log: () => string;
}

async function startAgent(path: string, env: NodeJS.ProcessEnv = {}): Promise<RunningAgent> {
  const child = spawn('unshare', ['-m', '--', ...NODE, MAIN], {
    env: { ...process.env, KATA_AGENT_SERVER_ADDR: `unix://${path}`, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      log += String(chunk);
    });
  }
  while (!log.includes('"msg":"listening"')) {
    if (child.exitCode !== null) throw new Error(`the agent ended with ${child.exitCode}:\n${log}`);
    await Promise.race([once(child.stdout, 'data'), once(child, 'close')]);
  }
  return { child, path, log: () => log };
}

async function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode;
}

let directory: string;
let agent: RunningAgent;
const open: Socket[] = [];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'agent-unix-'));
  agent = await startAgent(join(directory, 'a.sock'));
});
afterEach(() => {
  for (const socket of open.splice(0)) socket.destroy();
});
afterAll(async () => {
  agent.child.kill('SIGKILL');
  await ended(agent.child);
  rmSync(directory, { recursive: true });
});

async function dial(path = agent.path): Promise<Socket> {
  const socket = connect(path);
  open.push(socket);
  await once(socket, 'connect');
  socket.on('error', () => {});
  return socket;
}

async function client(path = agent.path): Promise<AgentClient> {
  return new AgentClient(new TtrpcClient(await dial(path)));
}

/** Says nothing about speed: fails only where the agent does not answer at all. */
async function expectServing(): Promise<void> {
  expect(await (await client()).health.Check({}, { timeoutMs: ANSWER_MS })).toMatchObject({ status: 1 });
}

describe('a running agent', () => {
  it('answers Check and Version', async () => {
    await expectServing();
    const version = await (await client()).health.Version({}, { timeoutMs: ANSWER_MS });
    expect(version).toMatchObject({ agent_version: manifest.version, grpc_version: '0.0.1' });
  });

  it('logs flat lines of strings, first what it is', () => {
    const lines = agent
      .log()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.every((line) => Object.values(line).every((value) => typeof value === 'string'))).toBe(true);
    const announce = lines.find((line) => line.msg === 'announce');
    expect(announce).toMatchObject({ level: 'INFO', name: 'kata-agent', source: 'agent' });
    expect(JSON.parse(announce.config).serverAddr).toBe(`unix://${agent.path}`);
  });

  it.each([
    ['random bytes', randomBytes(300_000)],
    ['a frame above the limit', encodeHeader(MAX_PAYLOAD_LENGTH + 1, 1, Buffer.alloc(MAX_PAYLOAD_LENGTH + 1))],
    ['an even stream id', encodeFrame({ streamId: 2, type: MessageType.REQUEST, flags: 0 }, Buffer.from('x'))],
    ['half a frame and silence', encodeHeader(1_000, 1, Buffer.alloc(10))],
    ['half a header and silence', Buffer.alloc(5)],
  ])('goes on serving others after %s', async (_name, bytes) => {
    const other = await client();
    const hostile = await dial();
    hostile.resume();
    hostile.write(bytes);
    expect(await other.health.Check({}, { timeoutMs: ANSWER_MS })).toMatchObject({ status: 1 });
    await expectServing();
  });

  it('goes on serving beside many idle connections', async () => {
    for (let count = 0; count < IDLE_CONNECTIONS; count += 1) await dial();
    await expectServing();
  });

  it('answers a method that it does not know with its code', async () => {
    const raw = new TtrpcClient(await dial());
    const call = raw.call('grpc.AgentService', 'NoSuch', new Uint8Array(), { timeoutMs: ANSWER_MS });
    await expect(call).rejects.toMatchObject({ status: 12, message: expect.stringContaining('NoSuch method') });
  });
});

/** A frame's header that announces `length` bytes, and then `body`, whatever its length. */
function encodeHeader(length: number, streamId: number, body: Buffer): Buffer {
  const header = Buffer.alloc(10);
  header.writeUInt32BE(length, 0);
  header.writeUInt32BE(streamId, 4);
  header.writeUInt8(MessageType.REQUEST, 8);
  return Buffer.concat([header, body]);
}

describe('the end of an agent', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('comes by %s: exit 0, no socket file left', async (signal) => {
    const other = await startAgent(join(directory, signal));
    const call = (await client(other.path)).health.Check({}, { timeoutMs: ANSWER_MS });
    await call;
    other.child.kill(signal);
    expect(await ended(other.child)).toBe(0);
    expect(existsSync(other.path)).toBe(false);
    expect(other.log()).toContain('"msg":"leaving"');
  });
});

describe('an agent that cannot start', () => {
  const run = (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
    spawnSync('unshare', ['-m', '--', ...NODE, MAIN, ...args], {
      encoding: 'utf8',
      env: { ...process.env, ...env },
      timeout: ANSWER_MS,
    });

  it('says which value is wrong and exits with 1', () => {
    const result = run([], { KATA_AGENT_SERVER_ADDR: 'tcp://nowhere' });
    expect(result.status).toBe(1);
    expect(result.stdout).toContain('server address "tcp://nowhere"');
  });

  it('names file, key and value of a configuration that is wrong', () => {
    const file = join(directory, 'bad.toml');
    writeFileSync(file, 'log_vport = "many"\n');
    const result = run(['--config', file]);
    expect(result.status).toBe(1);
    expect(result.stdout).toContain(`${file}: log_vport: `);
  });

  it('refuses arguments that it does not know', () => {
    const result = run(['--nope']);
    expect(result.status).toBe(2);
    expect(result.stderr).toContain('--nope');
  });

  it('prints its version', () => {
    const result = run(['--version']);
    expect(result.status).toBe(0);
    expect(result.stdout).toBe(
      `kata-agent version ${manifest.version} (api version: 0.0.1, commit version: unknown, type: typescript, extra-features: [])\n`,
    );
  });
});
