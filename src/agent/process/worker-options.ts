/** What the agent's threads have in common. */
import type { WorkerOptions } from 'node:worker_threads';

/** For threads that have a few small objects at a time: V8 gives far more unless told (MiB). */
export const WORKER_OPTIONS: WorkerOptions = {
  resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 },
  // They open and close descriptors by system calls of their own, and give some to the main thread.
  trackUnmanagedFds: false,
  execArgv: ['--disable-warning=ExperimentalWarning'],
};
