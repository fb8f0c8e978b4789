/** Where an agent to be tested comes from: it runs somewhere already, or a guest is booted with it. */
import type { AgentConnector } from '../agent-connection.ts';
import { bootAgent } from '../boot.ts';
import type { GuestImage } from '../image.ts';
import { Timeline } from '../timeline.ts';
import { type AgentEndpoint, endpointConnector } from './endpoint.ts';

/**
 * As Kata's own configurations have it, and the same for all agents: version 2 of cgroups, of which some take the other one
 * as the first process of a machine, and no streams by connections of their own, which the shim in Go never uses.
 */
export const AGENT_KERNEL_PARAMETERS: readonly string[] = [
  'systemd.unified_cgroup_hierarchy=1',
  'agent.passfd_listener_port=0',
];

/** An agent that runs. */
export interface AgentSite {
  readonly connector: AgentConnector;
  /** Lets go of it; a guest of our own ends. */
  close(): Promise<void>;
}

/** See above. */
export interface AgentSource {
  /** Heads its column. */
  readonly label: string;
  /** Whether a second call of `open` gives an agent without a past. */
  readonly renewable: boolean;
  /** @throws KataError where there is no agent. */
  open(): Promise<AgentSite>;
}

/** An agent that runs and has no sandbox yet. */
export function agentAt(label: string, endpoint: AgentEndpoint): AgentSource {
  const site: AgentSite = { connector: endpointConnector(endpoint), close: () => Promise.resolve() };
  return { label, renewable: false, open: () => Promise.resolve(site) };
}

/** What is told of a guest's boot. */
export interface GuestWatch {
  readonly onConsoleLine?: (line: string) => void;
  readonly onAccelerator?: (line: string) => void;
}

/** An agent in a guest of ours, booted anew each time. @param image has the agent; ours where it is undefined. */
export function agentInGuest(label: string, image: GuestImage | undefined, watch: GuestWatch = {}): AgentSource {
  const open = async (): Promise<AgentSite> => {
    const options = { kernelParameters: AGENT_KERNEL_PARAMETERS, ...watch, ...(image === undefined ? {} : { image }) };
    const { machine, connection } = await bootAgent(options, new Timeline());
    connection.client.close();
    return { connector: machine.vsock, close: () => machine.release() };
  };
  return { label, renewable: true, open };
}
