/** The times of a sandbox's life, for people who want to know where a second went. */

/** Phases in the order in which they are reached. */
export const PHASES = [
  /** Directories, mounts, virtiofsd and the vsock device are there; QEMU is started. */
  'machine started',
  /** The agent answered its first call. */
  'agent ready',
  /** The sandbox has its share and its namespaces. */
  'sandbox created',
  /** A container is made, up to its program's first instruction. */
  'container created',
  /** The program was released. */
  'container started',
  /** The first byte of output arrived on the host. */
  'first byte',
  /** The program ended and all of its output is here. */
  'process ended',
  /** Nothing of the sandbox is left on the host. */
  'gone',
] as const;
export type Phase = (typeof PHASES)[number];

/** When each phase was first reached, in milliseconds from the start. */
export class Timeline {
  readonly #start = performance.now();
  readonly #reached = new Map<Phase, number>();
  readonly #onPhase: (phase: Phase, atMs: number) => void;

  constructor(onPhase: (phase: Phase, atMs: number) => void = () => {}) {
    this.#onPhase = onPhase;
  }

  /** Notes a phase. Only the first time counts. */
  reach(phase: Phase): void {
    if (this.#reached.has(phase)) return;
    const at = performance.now() - this.#start;
    this.#reached.set(phase, at);
    this.#onPhase(phase, at);
  }

  /** Milliseconds from the start to a phase, or undefined where it was not reached. */
  at(phase: Phase): number | undefined {
    return this.#reached.get(phase);
  }
}
