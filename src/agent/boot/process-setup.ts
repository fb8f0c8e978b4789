/** What the agent sets on its own process, in every mode. */
import { readFileSync } from 'node:fs';
import { setChildSubreaper, setUndumpable } from '../../linux/prctl.ts';
import { getRlimit, RLIMIT_NOFILE, setRlimit } from '../../linux/rlimit.ts';
import type { Logger } from '../log/logger.ts';

/** What files and directories of the agent, and every program that it starts, begin with. */
const UMASK = 0o022;

/** Three descriptors a process and one a connection: enough for any pod, and the usual ceiling of a kernel. */
const WANTED_NOFILE = 1_048_576n;

/** Raises the limit of descriptors as far as the kernel's own ceiling; PID 1 begins with 1024 or 4096. */
function raiseDescriptorLimit(logger: Logger): void {
  try {
    const ceiling = BigInt(readFileSync('/proc/sys/fs/nr_open', 'utf8').trim());
    const wanted = WANTED_NOFILE < ceiling ? WANTED_NOFILE : ceiling;
    const { hard } = getRlimit(RLIMIT_NOFILE);
    const limit = wanted > hard ? wanted : hard;
    setRlimit(RLIMIT_NOFILE, { soft: limit, hard: limit });
  } catch (error) {
    logger.warn({ error }, 'limit of open descriptors not raised');
  }
}

/**
 * Sets up the process. The oom score is left as it is: the kernel never picks PID 1, children would inherit a low one
 * and be spared at the cost of the pod, and elsewhere the service manager sets it.
 */
export function setUpProcess(logger: Logger): void {
  process.title = 'kata-agent';
  process.umask(UMASK);
  setChildSubreaper();
  setUndumpable();
  raiseDescriptorLimit(logger);
}
