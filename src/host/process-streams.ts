/** How the bytes of a process travel between its guest and us. */
import type { Writable } from 'node:stream';
import type { Sink } from './output.ts';

/** Names of a process's outputs. */
export type OutputName = 'stdout' | 'stderr';

/**
 * - `passfd`: each stream is a vsock connection of its own, which the agent joins with the process's pipe.
 * - `unary`: each chunk is a call, as Kata's Go shim does it. Every agent has it.
 */
export type StreamKind = 'passfd' | 'unary';

/** Ports of the host's ends of a process's connections, as requests name them; 0 is none. */
export interface StreamPorts {
  readonly stdin_port: number;
  readonly stdout_port: number;
  readonly stderr_port: number;
}

/** The three streams of one process. */
export interface ProcessStreams {
  readonly kind: StreamKind;
  /** Fields of the request that makes the process. */
  readonly ports: StreamPorts;
  /** Where its input goes; the end of that is the end of its input. Asked for once. */
  input(): Writable;
  /**
   * Carries one output to its end, no faster than the sink takes it.
   * @param signal gives it up.
   * @throws KataError of the sink; ERR_UNAVAILABLE where the way to the guest is lost, ERR_CANCELLED by the signal.
   */
  readOutput(name: OutputName, sink: Sink, signal: AbortSignal): Promise<void>;
  /** Gives the process the end of its input; it is there already where that was done, or where the process has gone. */
  closeInput(): Promise<void>;
  /** Lets go of everything. The program finds its output without a reader, and its input at the end. */
  drop(): void;
}
