/** The connection: many calls at a time, deadlines, and frames that no client should send. */
import { GrpcStatus } from '../../../wire/error.ts';
import { grpc } from '../../../wire/generated/proto.js';
import { AgentClient } from '../../../wire/ttrpc/agent-client.ts';
import { TtrpcClient } from '../../../wire/ttrpc/client.ts';
import { MAX_PAYLOAD_LENGTH } from '../../../wire/ttrpc/frame.ts';
import { expectEqual, expectMatch, expectThat } from '../expectation.ts';
import { garbage, type RawCall } from '../raw-connection.ts';
import type { Scenario } from '../scenario.ts';
import type { Scene } from '../scene.ts';

const SERVING = 1;
/** Checks at once. */
const FLOOD = 200;
/** Calls that wait while the flood comes. */
const WAITING_READS = 40;
/** Deadline of a call that would wait for ever (ms), and how long its end may take on a busy machine. */
const SHORT_DEADLINE_MS = 300;
const DEADLINE_GRACE_MS = 10_000;
const CHECK: RawCall = { service: 'grpc.Health', method: 'Check' };
const AGENT = 'grpc.AgentService';

async function expectServing(scene: Scene): Promise<void> {
  expectEqual('Check: status', (await scene.health.Check({})).status, SERVING);
}

const check: Scenario = {
  name: 'check',
  about: 'Check answers SERVING, Version the two versions',
  run: async (scene) => {
    await expectServing(scene);
    const { agent_version: agent, grpc_version: protocol } = await scene.health.Version({});
    expectThat(agent !== '', 'Version: agent_version', 'one', agent);
    expectEqual('Version: grpc_version', protocol, '0.0.1');
  },
};

const flood: Scenario = {
  name: 'check-flood',
  about: `${FLOOD} Checks at once are answered while ${WAITING_READS} reads and a wait are outstanding`,
  run: async (scene) => {
    const { init } = await scene.idle();
    const ended = init.wait();
    const reads = Array.from({ length: WAITING_READS }, () => init.readToEnd('ReadStdout'));
    const checks = await Promise.all(Array.from({ length: FLOOD }, () => scene.health.Check({})));
    expectEqual('Checks that say SERVING', checks.filter(({ status }) => status === SERVING).length, FLOOD);
    await init.signal(9);
    const all = await Promise.all(reads);
    expectEqual('bytes of a program that prints nothing', Buffer.concat(all).length, 0);
    expectEqual('status', await ended, 137);
  },
};

const deadline: Scenario = {
  name: 'deadline',
  about: 'timeout_nano of a call is kept by the agent: DEADLINE_EXCEEDED',
  run: async (scene) => {
    const { init } = await scene.idle();
    const raw = await scene.connectRaw();
    const payload = grpc.WaitProcessRequest.encode(init.key).finish();
    const answer = raw.call(1, { service: AGENT, method: 'WaitProcess', payload, timeoutMs: SHORT_DEADLINE_MS });
    let code: number | undefined;
    void answer.then((came) => {
      code = came.code;
    });
    await scene.until('an answer at the deadline', DEADLINE_GRACE_MS, () => code !== undefined);
    expectEqual('status', code, GrpcStatus.DEADLINE_EXCEEDED);
    await init.signal(9);
    expectEqual('status of the process, which the other wait has not taken', await init.wait(), 137);
  },
};

const secondConnection: Scenario = {
  name: 'second-connection',
  about: 'a second connection sees the same sandbox, and its end ends no other call and takes no status',
  run: async (scene) => {
    const container = await scene.idle();
    const client = new TtrpcClient(await scene.connect());
    const { agent } = new AgentClient(client);
    const gone = agent.WaitProcess(container.init.key).catch(() => {});
    await agent.SignalProcess({ ...container.init.key, signal: 0 });
    client.close();
    await gone;
    await container.init.signal(9);
    expectEqual('status', await container.init.wait(), 137);
  },
};

const unknownNames: Scenario = {
  name: 'unknown-names',
  about: 'an unknown service is INVALID_ARGUMENT, an unknown method UNIMPLEMENTED',
  run: async (scene) => {
    const raw = await scene.connectRaw();
    const service = await raw.call(1, { service: 'grpc.NoService', method: 'Check' });
    expectEqual('unknown service', service.code, GrpcStatus.INVALID_ARGUMENT);
    const method = await raw.call(3, { service: AGENT, method: 'NoMethod' });
    expectEqual('unknown method', method.code, GrpcStatus.UNIMPLEMENTED);
    expectEqual('Check afterwards', (await raw.call(5, CHECK)).code, GrpcStatus.OK);
  },
};

const badPayload: Scenario = {
  name: 'bad-payload',
  about: 'a request that cannot be decoded is refused, and the connection goes on',
  run: async (scene) => {
    const raw = await scene.connectRaw();
    // A field of a length that does not follow.
    const payload = Buffer.from([0x0a, 0x7f, 0x61]);
    const answer = await raw.call(1, { service: AGENT, method: 'StartContainer', payload });
    expectEqual('status', answer.code, GrpcStatus.UNKNOWN);
    expectEqual('Check afterwards', (await raw.call(3, CHECK)).code, GrpcStatus.OK);
  },
};

const evenStream: Scenario = {
  name: 'even-stream',
  about: 'a call with an even stream id is INVALID_ARGUMENT, and the connection goes on',
  run: async (scene) => {
    const raw = await scene.connectRaw();
    const answer = await raw.call(2, CHECK);
    expectEqual('status', answer.code, GrpcStatus.INVALID_ARGUMENT);
    expectMatch('text', answer.text, /odd/);
    expectEqual('Check afterwards', (await raw.call(3, CHECK)).code, GrpcStatus.OK);
  },
};

const oversized: Scenario = {
  name: 'frame-oversized',
  about: 'a frame above 4 MiB is INVALID_ARGUMENT on its stream, and the connection goes on',
  run: async (scene) => {
    const raw = await scene.connectRaw();
    const answer = await raw.callOfLength(1, MAX_PAYLOAD_LENGTH + 1);
    expectEqual('status', answer.code, GrpcStatus.INVALID_ARGUMENT);
    expectEqual('Check afterwards', (await raw.call(3, CHECK)).code, GrpcStatus.OK);
    await expectServing(scene);
  },
};

const garbled: Scenario = {
  name: 'frame-garbage',
  about: 'bytes that are no frame end at most their own connection',
  run: async (scene) => {
    for (let turn = 0; turn < 3; turn += 1) (await scene.connectRaw()).send(garbage());
    await expectServing(scene);
    const raw = await scene.connectRaw();
    expectEqual('Check on a new connection', (await raw.call(1, CHECK)).code, GrpcStatus.OK);
    expectEqual('Check on the old one', (await scene.health.Check({})).status, SERVING);
  },
};

const halfFrame: Scenario = {
  name: 'frame-half',
  about: 'a connection that ends within a frame harms nobody',
  run: async (scene) => {
    const raw = await scene.connectRaw();
    // The header of a request of 1 MiB, and a part of it.
    raw.send(Buffer.from([0, 0x10, 0, 0, 0, 0, 0, 1, 1, 0, 0x0a, 0x05]));
    raw.close();
    await expectServing(scene);
  },
};

export const CONNECTION: readonly Scenario[] = [
  check,
  flood,
  deadline,
  secondConnection,
  unknownNames,
  badPayload,
  evenStream,
  oversized,
  garbled,
  halfFrame,
];
