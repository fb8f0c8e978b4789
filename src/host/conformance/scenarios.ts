/** All scenarios, in the order in which they are run: what an agent that fails may not survive comes last. */
import type { Scenario } from './scenario.ts';
import { CONNECTION } from './scenarios/connection.ts';
import { EXECS } from './scenarios/execs.ts';
import { FILES } from './scenarios/files.ts';
import { LIFECYCLE, LIFECYCLE_SPOILING } from './scenarios/lifecycle.ts';
import { NETWORK_SCENARIOS } from './scenarios/network.ts';
import { RESOURCES } from './scenarios/resources.ts';
import { SANDBOX_SPOILING } from './scenarios/sandbox.ts';
import { SIGNALS, SIGNALS_SPOILING } from './scenarios/signals.ts';
import { STREAMS } from './scenarios/streams.ts';

/** See above. The first and the last step of a run, and the signs of life, are not among them. */
export const SCENARIOS: readonly Scenario[] = [
  ...CONNECTION,
  ...LIFECYCLE,
  ...STREAMS,
  ...EXECS,
  ...SIGNALS,
  ...RESOURCES,
  ...NETWORK_SCENARIOS,
  ...FILES,
  ...SIGNALS_SPOILING,
  ...LIFECYCLE_SPOILING,
  ...SANDBOX_SPOILING,
];
