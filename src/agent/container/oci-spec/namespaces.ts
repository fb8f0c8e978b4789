/** Namespaces of a container. */
import type { grpc } from '../../../wire/generated/proto.js';
import { badField } from './bad-field.ts';
import type { JsonObject } from './json.ts';

const TYPES: ReadonlySet<string> = new Set(['pid', 'network', 'ipc', 'uts', 'mount', 'user', 'cgroup', 'time']);

/** The kernel's names in /proc/<pid>/ns, which peers written in Rust (runtime-rs, kata-agent-ctl) send instead. */
const KERNEL_NAMES: ReadonlyMap<string, string> = new Map([
  ['net', 'network'],
  ['mnt', 'mount'],
]);

/** Namespaces of the sandbox that a container joins; a path each, undefined for a new one. */
export interface SharedNamespaces {
  readonly ipc: string | undefined;
  readonly uts: string | undefined;
  readonly pid: string | undefined;
}

/** One namespace: joined where it has a path, else made. */
export interface Namespace extends JsonObject {
  readonly type: string;
  readonly path: string | undefined;
}

/**
 * The namespaces of a container: those of the request, `ipc` and `uts` with the sandbox's paths; always one of type
 * `pid`; and `cgroup` where the hierarchy is version 2, so that a container sees its own cgroup as the root.
 * @throws KataError (INTERNAL on the wire) for a type that is unknown or given twice.
 */
export function convertNamespaces(
  given: readonly grpc.LinuxNamespace[],
  shared: SharedNamespaces,
  cgroupVersion: 1 | 2,
): readonly Namespace[] {
  const result = new Map<string, Namespace>();
  for (const { Type: name, Path: path } of given) {
    const type = KERNEL_NAMES.get(name) ?? name;
    if (!TYPES.has(type)) throw badField('Linux.Namespaces.Type', name, 'is no type of namespace');
    if (result.has(type)) throw badField('Linux.Namespaces.Type', name, 'is given twice');
    result.set(type, { type, path: path === '' ? undefined : path });
  }
  // Reinserted, so that the pid namespace comes last: it is made by a fork, which the others are to precede.
  result.delete('pid');
  if (result.has('ipc')) result.set('ipc', { type: 'ipc', path: shared.ipc });
  if (result.has('uts')) result.set('uts', { type: 'uts', path: shared.uts });
  if (cgroupVersion === 2 && !result.has('cgroup')) result.set('cgroup', { type: 'cgroup', path: undefined });
  result.set('pid', { type: 'pid', path: shared.pid });
  return [...result.values()];
}
