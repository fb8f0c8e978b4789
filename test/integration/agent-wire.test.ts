/** What hostile or broken peers do to the agent's port, and what a hanging share does to the agent: nothing. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { AGENT_PORT } from '../../src/host/agent-connection.ts';
import { RUN_ROOT } from '../../src/host/paths.ts';
import { Sandbox } from '../../src/host/sandbox.ts';
import { StateDirectory } from '../../src/host/state/state-dir.ts';
import { AgentClient } from '../../src/wire/ttrpc/agent-client.ts';
import { TtrpcClient } from '../../src/wire/ttrpc/client.ts';
import { leftoversOf } from './support/leftovers.ts';
import { busyboxRoot, shellIn } from './support/sandbox.ts';

const CONNECT_TIMEOUT_MS = 20_000;
/** Long enough for a loaded machine; a blocked agent would need a minute to answer anything. */
const CHECK_TIMEOUT_MS = 15_000;
const MAX_PAYLOAD_BYTES = 4 << 20;
const IDLE_CONNECTIONS = 200;
const REQUEST = 1;

/** Header of a ttrpc frame: payload length, stream id, type, flags. */
function header(length: number, streamId: number, type = REQUEST): Buffer {
  const bytes = Buffer.alloc(10);
  bytes.writeUInt32BE(length, 0);
  bytes.writeUInt32BE(streamId, 4);
  bytes.writeUInt8(type, 8);
  return bytes;
}

/** Connects to the agent as Kata's shim does where a guest's ports are behind a Unix socket. */
async function dialHybrid(path: string): Promise<TtrpcClient> {
  const socket = createConnection(path);
  socket.write(`CONNECT ${AGENT_PORT}\n`);
  const [answer] = await once(socket, 'data');
  expect(String(answer)).toMatch(/^OK \d+\n$/);
  return new TtrpcClient(socket);
}

describe("the agent's port", () => {
  let sandbox: Sandbox;
  const streams: Duplex[] = [];
  beforeAll(async () => {
    sandbox = await Sandbox.boot({ id: 'test-wire' });
  });
  afterEach(() => {
    for (const stream of streams.splice(0)) stream.destroy();
  });
  afterAll(async () => {
    await sandbox.stop();
    expect(leftoversOf('test-wire')).toEqual([]);
  });

  async function connect(): Promise<Duplex> {
    const stream = await sandbox.vsock.connect(AGENT_PORT, CONNECT_TIMEOUT_MS);
    // The agent may end or reset the connection while we still write: that is what is being tried.
    stream.on('error', () => {});
    stream.resume();
    streams.push(stream);
    return stream;
  }

  /** The connection of the sandbox, and a new one, are served. */
  async function expectServed(): Promise<void> {
    await sandbox.calls.health.Check({}, { timeoutMs: CHECK_TIMEOUT_MS });
    const { code, stdout } = await shellIn(sandbox, 'echo served');
    expect([code, stdout.toString()]).toEqual([0, 'served\n']);
  }

  it('survives random bytes', async () => {
    for (let round = 0; round < 5; round++) (await connect()).write(randomBytes(50_000));
    await expectServed();
  });

  it('survives a frame that is a byte too long', async () => {
    const stream = await connect();
    stream.write(header(MAX_PAYLOAD_BYTES + 1, 1));
    stream.write(Buffer.alloc(MAX_PAYLOAD_BYTES + 1));
    await expectServed();
  });

  it('survives even stream ids, unknown types and requests that are none', async () => {
    const stream = await connect();
    stream.write(
      Buffer.concat([
        header(0, 2),
        header(3, 4),
        Buffer.from('xyz'),
        header(0, 1, 9),
        header(1, 3),
        Buffer.from([0xff]),
      ]),
    );
    await expectServed();
  });

  it('survives half a frame and silence', async () => {
    (await connect()).write(header(100, 1).subarray(0, 7));
    (await connect()).write(Buffer.concat([header(100, 1), Buffer.alloc(50)]));
    await expectServed();
  });

  it(`survives ${IDLE_CONNECTIONS} idle connections`, async () => {
    for (let count = 0; count < IDLE_CONNECTIONS; count++) await connect();
    await expectServed();
  });
});

describe('a share that hangs', () => {
  let sandbox: Sandbox;
  beforeAll(async () => {
    sandbox = await Sandbox.boot({ id: 'test-hang' });
  });
  afterAll(async () => {
    await sandbox.stop();
    expect(leftoversOf('test-hang')).toEqual([]);
  });

  /** Stops virtiofsd, with its child, while `work` goes on. */
  async function whileStopped(work: () => Promise<void>): Promise<void> {
    process.kill(-sandbox.pids.virtiofsd, 'SIGSTOP');
    try {
      await work();
    } finally {
      process.kill(-sandbox.pids.virtiofsd, 'SIGCONT');
    }
  }

  async function expectChecks(): Promise<void> {
    for (let count = 0; count < 5; count++) {
      await sandbox.calls.health.Check({}, { timeoutMs: CHECK_TIMEOUT_MS });
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  it('during the mount of the share stops no Check, and the sandbox comes up when it goes on', async () => {
    const id = 'test-hang-boot';
    const state = new StateDirectory(RUN_ROOT, id);
    const virtiofsd = (): number => -(state.pid('virtiofsd') ?? Number.NaN);
    const reached = Promise.withResolvers<void>();
    const booting = Sandbox.boot({
      id,
      onPhase: (phase) => {
        // The share is mounted by the very next call.
        if (phase === 'agent ready') process.kill(virtiofsd(), 'SIGSTOP');
        if (phase === 'agent ready') reached.resolve();
      },
    });
    try {
      await Promise.race([reached.promise, booting]);
      const client = await dialHybrid(state.file('hv.sock'));
      const { health } = new AgentClient(client);
      for (let count = 0; count < 5; count++) {
        await health.Check({}, { timeoutMs: CHECK_TIMEOUT_MS });
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
      client.close();
    } finally {
      process.kill(virtiofsd(), 'SIGCONT');
      const booted = await booting;
      await booted.stop();
    }
    expect(leftoversOf(id)).toEqual([]);
  });

  it('during a mount stops no Check, and the container is made when it goes on', async () => {
    const root = await busyboxRoot();
    let creating: ReturnType<Sandbox['createContainer']> | undefined;
    await whileStopped(async () => {
      creating = sandbox.createContainer({ root, command: ['true'] });
      creating.catch(() => {});
      await expectChecks();
    });
    const container = await creating;
    await container?.start();
    expect(await container?.init.wait()).toBe(0);
    await container?.remove();
  });

  it('during an unmount stops no Check, and the container is removed when it goes on', async () => {
    const root = await busyboxRoot();
    const container = await sandbox.createContainer({ root, command: ['sleep', '10000'] });
    await container.start();
    let removing: Promise<void> | undefined;
    await whileStopped(async () => {
      removing = container.remove();
      removing.catch(() => {});
      await expectChecks();
    });
    await removing;
    expect((await shellIn(sandbox, 'echo on')).stdout.toString()).toBe('on\n');
  });
});
