/** The namespaces that all containers of the sandbox share. */
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { setHostname } from '../../linux/hostname.ts';
import { MNT_DETACH, MS_BIND, mount, umount2 } from '../../linux/mount.ts';
import { CLONE_NEWIPC, CLONE_NEWUTS, setns, unshare } from '../../linux/namespace.ts';
import { hasErrno } from '../../wire/error.ts';
import { NAMESPACES } from './paths.ts';

const KINDS = ['ipc', 'uts'] as const;

/** The calling thread's; /proc/self would be the thread group leader's. */
const OWN = '/proc/thread-self/ns';

/** Files by which the pinned namespaces are joined. */
export interface PinnedNamespaces {
  readonly ipc: string;
  readonly uts: string;
}

function pin(kind: (typeof KINDS)[number]): void {
  const target = `${NAMESPACES}/${kind}`;
  writeFileSync(target, '');
  mount({ source: `${OWN}/${kind}`, target, fstype: '', flags: MS_BIND });
}

/**
 * Makes an IPC and a UTS namespace and pins them to files. It takes no process: the calling thread goes into new
 * namespaces and comes back, in one go, so nothing else of ours runs in them meanwhile.
 * @param hostname the name in the UTS namespace; empty for the machine's.
 * @throws KataError ERR_SYSCALL; nothing stays pinned then.
 */
export function pinNamespaces(hostname: string): PinnedNamespaces {
  mkdirSync(NAMESPACES, { recursive: true });
  const home = KINDS.map((kind) => openSync(`${OWN}/${kind}`, 'r'));
  try {
    unshare(CLONE_NEWIPC | CLONE_NEWUTS);
    try {
      if (hostname !== '') setHostname(hostname);
      for (const kind of KINDS) pin(kind);
    } finally {
      for (const fd of home) setns(fd, 0);
    }
  } catch (error) {
    unpinNamespaces();
    throw error;
  } finally {
    for (const fd of home) closeSync(fd);
  }
  return { ipc: `${NAMESPACES}/ipc`, uts: `${NAMESPACES}/uts` };
}

/** Lets go of the pinned namespaces; those that containers are in live on with them. */
export function unpinNamespaces(): void {
  for (const kind of KINDS) {
    try {
      umount2(`${NAMESPACES}/${kind}`, MNT_DETACH);
    } catch (error) {
      // EINVAL: nothing is mounted there.
      if (!hasErrno(error, 'EINVAL', 'ENOENT')) throw error;
    }
  }
}
