/** An agent that notes its calls and answers as it is told, and the guest's ends of connections. */
import { type Duplex, duplexPair } from 'node:stream';
import { Timeline } from '../../../src/host/timeline.ts';
import type { GuestStream, VsockConnector } from '../../../src/host/vsock/guest-vsock.ts';
import { KataError } from '../../../src/wire/error.ts';
import type { AgentClient } from '../../../src/wire/ttrpc/agent-client.ts';

/** An answer: what a stream gives, or an error. */
export type Answer = string | KataError;

/** What a method does; its result is the answer. */
export type Method = (request: Record<string, unknown>, options?: { readonly signal?: AbortSignal }) => unknown;

/** What streams give, one answer a read, and what other methods do instead of answering with nothing. */
export interface FakeAgentOptions {
  readonly stdout?: readonly Answer[];
  readonly stderr?: readonly Answer[];
  readonly methods?: Record<string, Method>;
}

/** Makes one. */
export function fakeAgent({ stdout = [''], stderr = [''], methods = {} }: FakeAgentOptions = {}) {
  const calls: [string, Record<string, unknown>][] = [];
  const reader = (answers: Answer[]): Method => {
    return () => {
      const answer = answers.shift() ?? new KataError('ERR_INTERNAL', 'eof');
      if (answer instanceof KataError) throw answer;
      return { data: Buffer.from(answer) };
    };
  };
  const all: Record<string, Method> = {
    ReadStdout: reader([...stdout]),
    ReadStderr: reader([...stderr]),
    WaitProcess: () => ({ status: 7 }),
    ...methods,
  };
  const agent = new Proxy(
    {},
    {
      get: (_, name: string): Method => {
        return async (request, options) => {
          calls.push([name, request]);
          return await (all[name]?.(request, options) ?? {});
        };
      },
    },
  );
  // Reason for the cast: only the methods that are called are there.
  return { calls, named: (name: string) => calls.filter((each) => each[0] === name), client: { agent } as AgentClient };
}

/** A vsock on which nobody listens. */
export const DEAF: VsockConnector = {
  connect: () => Promise.reject(new KataError('ERR_UNAVAILABLE', 'refused', { errno: 'ECONNREFUSED' })),
};

/** Both ends of a connection. @param localPort port of the host's. */
export function connection(localPort: number): { readonly host: GuestStream; readonly guest: Duplex } {
  const [near, guest] = duplexPair();
  return { host: Object.assign(near, { localPort }), guest };
}

/** A vsock whose connections have the ports 101, 102 and so on; the guest's ends by these ports. */
export function listeningVsock() {
  const guests = new Map<number, Duplex>();
  const hosts = new Map<number, GuestStream>();
  const vsock: VsockConnector = {
    connect: () => {
      const localPort = 101 + guests.size;
      const { host, guest } = connection(localPort);
      guests.set(localPort, guest);
      hosts.set(localPort, host);
      return Promise.resolve(host);
    },
  };
  const guestOf = (port: number): Duplex => {
    const guest = guests.get(port);
    if (guest === undefined) throw new Error(`no connection has the port ${port}`);
    return guest;
  };
  return { vsock, hosts, guestOf };
}

/** What a container or a process is given, but for its streams. */
export function hostOf(agent: ReturnType<typeof fakeAgent>, vsock: VsockConnector = DEAF) {
  return { calls: agent.client, timeline: new Timeline(), vsock, release: () => Promise.resolve() };
}
