/** One thing that the shim relies on, as a program that finds out whether an agent does it. */
import type { Scene } from './scene.ts';

/** See above. */
export interface Scenario {
  /** Letters, digits and dashes; unique. */
  readonly name: string;
  /** What a right agent does, in one line. */
  readonly about: string;
  /** Whether an agent that fails it may be of no use afterwards. */
  readonly spoils?: true;
  /** @throws KataError that says what was expected and what came. */
  run(scene: Scene): Promise<void>;
}
