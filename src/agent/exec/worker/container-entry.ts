/** The way into a container and back. */
import {
  CLONE_NEWCGROUP,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWUTS,
  setns,
} from '../../../linux/namespace.ts';
import { KataError } from '../../../wire/error.ts';
import { execError } from '../exec-error.ts';

/** What a process of a container is in. A time namespace takes no process with several threads, and no shim asks for one. */
export const ALL_NAMESPACES = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP | CLONE_NEWPID;

/**
 * Does `work` inside a container, then comes back: a thread that stayed would hold the container's mounts and devices.
 * @param target the container's first process; a pidfd.
 * @param home the agent; a pidfd.
 * @param kinds CLONE_NEW* bits of what is joined.
 * @throws KataError ERR_EXEC where the container has ended. What cannot be undone is thrown as it is: the thread must end.
 */
export function inContainer<T>(target: number, home: number, kinds: number, work: () => T): T {
  try {
    setns(target, kinds);
  } catch (error) {
    throw execError('setup', 'its container cannot be joined', KataError.from(error).errno ?? '');
  }
  try {
    return work();
  } finally {
    setns(home, kinds);
  }
}
