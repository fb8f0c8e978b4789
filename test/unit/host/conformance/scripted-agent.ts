/** An agent in this process, whose answers a test writes, as a place that a run can open. */
import { type Duplex, duplexPair } from 'node:stream';
import type { AgentSource } from '../../../../src/host/conformance/agent-source.ts';
import { KataError } from '../../../../src/wire/error.ts';
import { type Handlers, Router } from '../../../../src/wire/ttrpc/router.ts';
import { TtrpcServer } from '../../../../src/wire/ttrpc/server.ts';

type AgentHandlers = Partial<Handlers<'grpc.AgentService'>>;

/** What waits for ever, but for the end of its connection. */
export function never(): Promise<never> {
  return new Promise(() => {});
}

/** Enough for the beginning of a run. */
function ordinary(): AgentHandlers {
  const done = () => ({});
  return {
    CreateSandbox: done,
    CopyFile: done,
    CreateContainer: done,
    OnlineCPUMem: done,
    UpdateEphemeralMounts: done,
    StartContainer: done,
    SignalProcess: done,
    RemoveContainer: done,
    GetOOMEvent: never,
    WaitProcess: never,
    GetGuestDetails: () => ({
      agent_details: { version: '9.9', storage_handlers: ['ephemeral', 'local', 'virtio-fs', 'blk', 'scsi'] },
    }),
    StatsContainer: () => {
      throw new KataError('ERR_INVALID_ARGUMENT', 'invalid container id');
    },
  };
}

/** An agent that answers what is ordinary, but for what the test says. `opened` counts how often it was made anew. */
export function scriptedAgent({ handlers = {}, renewable = true }: { handlers?: AgentHandlers; renewable?: boolean }) {
  const counts = { opened: 0, closed: 0 };
  const source: AgentSource = {
    label: 'scripted',
    renewable,
    open: () => {
      counts.opened += 1;
      const router = new Router()
        .register('grpc.Health', { Check: () => ({ status: 1 }) })
        .register('grpc.AgentService', { ...ordinary(), ...handlers });
      const server = new TtrpcServer({ handler: (call) => router.dispatch(call) });
      const connect = (): Promise<Duplex> => {
        const [near, far] = duplexPair();
        server.serve(far);
        return Promise.resolve(near);
      };
      const close = (): Promise<void> => {
        counts.closed += 1;
        return Promise.resolve();
      };
      return Promise.resolve({ connector: { connect }, close });
    },
  };
  return { source, counts };
}
