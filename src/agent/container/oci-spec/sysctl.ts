/** Kernel parameters that a container may set. */
import { badField } from './bad-field.ts';
import type { JsonObject } from './json.ts';

/** Parameters that belong to the IPC namespace; sysctl(2), ipc_namespaces(7). */
const IPC_PARAMETERS: ReadonlySet<string> = new Set([
  'kernel.msgmax',
  'kernel.msgmnb',
  'kernel.msgmni',
  'kernel.sem',
  'kernel.shmall',
  'kernel.shmmax',
  'kernel.shmmni',
  'kernel.shm_rmid_forced',
]);

/** The parameters, by who has to set them. */
export interface Sysctls {
  /** Set by the runtime, in the container's namespaces. */
  readonly container: JsonObject;
  /** Set by the agent: the container shares the machine's network namespace. Path below /proc/sys -> value. */
  readonly machine: ReadonlyMap<string, string>;
}

/** sysctl(8): dots separate; a dot within a name (`net.ipv4.conf.eth0/1.forwarding`) is written as a slash. */
function pathOf(name: string): string {
  return [...name].map((character) => (character === '.' ? '/' : character === '/' ? '.' : character)).join('');
}

function checkAllowed(name: string, namespaces: ReadonlySet<string>): void {
  const needed = IPC_PARAMETERS.has(name) || name.startsWith('fs.mqueue.') ? 'ipc' : 'uts';
  if (needed === 'uts' && name !== 'kernel.domainname') {
    throw badField('Linux.Sysctl', name, 'belongs to no namespace of a container');
  }
  if (!namespaces.has(needed)) throw badField('Linux.Sysctl', name, `needs a namespace of type ${needed}`);
}

/**
 * Sorts the parameters.
 * @param namespaces types of the container's namespaces.
 * @throws KataError (INTERNAL on the wire) naming one that a container may not set.
 */
export function sortSysctls(given: Readonly<Record<string, string>>, namespaces: ReadonlySet<string>): Sysctls {
  const container: Record<string, string> = {};
  const machine = new Map<string, string>();
  for (const [name, value] of Object.entries(given)) {
    const parts = pathOf(name).split('/');
    if (parts.some((part) => part === '' || part === '..' || part === '.')) {
      throw badField('Linux.Sysctl', name, 'is no name of a kernel parameter');
    }
    const isNetwork = parts[0] === 'net';
    if (!isNetwork) checkAllowed(name, namespaces);
    if (isNetwork && !namespaces.has('network')) machine.set(parts.join('/'), value);
    else container[name] = value;
  }
  return { container, machine };
}
