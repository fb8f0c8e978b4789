/** Taking changes back when a later one fails. */
import type { Logger } from '../log/logger.ts';

/** Collects, for each change that was made, what takes it back. */
export class Undo {
  readonly #logger: Logger;
  readonly #steps: (() => void)[] = [];

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Adds what takes the last change back. */
  push(step: () => void): void {
    this.#steps.push(step);
  }

  /** Takes the changes back, the last one first. A step that fails is logged, and the others go on. */
  run(): void {
    for (const step of this.#steps.reverse()) {
      try {
        step();
      } catch (error) {
        this.#logger.warn({ error }, 'a change of the network could not be taken back');
      }
    }
  }
}

/**
 * Makes changes all or none.
 * @throws what `work` throws, after everything that it had pushed was taken back.
 */
export function allOrNone<T>(logger: Logger, work: (undo: Undo) => T): T {
  const undo = new Undo(logger);
  try {
    return work(undo);
  } catch (error) {
    undo.run();
    throw error;
  }
}
