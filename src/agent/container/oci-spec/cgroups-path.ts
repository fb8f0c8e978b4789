/** Where a container's cgroup lies. */
import { badField } from './bad-field.ts';

/**
 * The cgroup's path below the root of the hierarchy, with a leading slash: the request's; `/<container id>` where that
 * is empty; for systemd's form `slice:prefix:name` the parts as directories.
 * @throws KataError (INTERNAL on the wire) for a path that leaves the hierarchy, or is its root: to stop a container is to
 *   kill everything in its cgroup.
 */
export function cgroupsPathOf(given: string, containerId: string): string {
  const path = given === '' ? containerId : given.replaceAll(':', '/');
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.length === 0 || parts.includes('..')) {
    throw badField('Linux.CgroupsPath', given, 'names no cgroup below the root');
  }
  return `/${parts.join('/')}`;
}

/** Whether one of two cgroups is the other or lies below it. */
export function cgroupsOverlap(one: string, other: string): boolean {
  return one === other || one.startsWith(`${other}/`) || other.startsWith(`${one}/`);
}
