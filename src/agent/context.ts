/** What the handlers of the agent's services are given. */
import type { AgentRuntime } from './runtime.ts';
import type { Sandbox } from './sandbox/sandbox.ts';

/** The running agent, its sandbox, and the way out. */
export interface AgentContext extends AgentRuntime {
  readonly sandbox: Sandbox;
  /** Asks the agent to leave once the answers in flight are out; returns at once. As PID 1 this ends in power-off. */
  readonly shutdown: () => void;
}
