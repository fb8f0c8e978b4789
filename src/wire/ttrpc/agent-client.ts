/** The agent's services as typed functions over a {@link TtrpcClient}. */
import { type AnyMethod, type MethodTypes, SERVICES, type ServiceName } from '../services.ts';
import type { CallOptions, TtrpcClient } from './client.ts';
import { decoding } from './envelope.ts';

/** The methods of a service as functions. A request is a plain object; what it leaves out has proto3's default value. */
export type Calls<Service extends ServiceName> = {
  readonly [Name in keyof (typeof SERVICES)[Service]]: (
    request?: MethodTypes<(typeof SERVICES)[Service]>[Name]['requestInit'],
    options?: CallOptions,
  ) => Promise<MethodTypes<(typeof SERVICES)[Service]>[Name]['response']>;
};

/** What makes the calls: a client, or what stands before one. */
export type Caller = Pick<TtrpcClient, 'call'>;

/** Calls an agent. There is no deadline but the one that a call's options ask for. */
export class AgentClient {
  /** The methods of `grpc.AgentService`. */
  readonly agent: Calls<'grpc.AgentService'>;
  /** The methods of `grpc.Health`. */
  readonly health: Calls<'grpc.Health'>;

  constructor(client: Caller) {
    this.agent = callsOf(client, 'grpc.AgentService');
    this.health = callsOf(client, 'grpc.Health');
  }
}

function callsOf<Service extends ServiceName>(client: Caller, service: Service): Calls<Service> {
  const methods: readonly AnyMethod[] = Object.values(SERVICES[service]);
  const entries = methods.map(({ name, request, response }) => {
    const call = async (message: object = {}, options: CallOptions = {}): Promise<object> => {
      const bytes = await client.call(service, name, request.encode(message).finish(), options);
      return decoding(`the response of ${name}`, () => response.decode(bytes));
    };
    return [name, call] as const;
  });
  // Reason for the cast: the functions are made from the same table that Calls is derived from, and a table's loop loses
  // which type belongs to which name.
  return Object.fromEntries(entries) as Calls<Service>;
}
