/** The methods of the protocol that have no handler. A method that is declared, served or dropped does not compile without this. */
import type { SERVICES } from '../../wire/services.ts';
import type { agentHandlers } from './handlers.ts';

type Declared = keyof (typeof SERVICES)['grpc.AgentService'];
type Served = keyof ReturnType<typeof agentHandlers>;

/** Why nobody serves them, which is said to the caller and in docs/rpc.md. */
export const NOT_SERVED: Readonly<Record<Exclude<Declared, Served>, string>> = {
  StartTracing: 'the agent sends no traces',
  StopTracing: 'the agent sends no traces',
  MemAgentMemcgSet: 'the guest has no memory agent',
  MemAgentCompactSet: 'the guest has no memory agent',
  ResizeVolume: 'the guest grows no file systems',
  SetPolicy: 'the agent has no policy engine',
};
