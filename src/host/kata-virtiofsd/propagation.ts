/** Whether what the host mounts later will be seen in the share. */

/**
 * The shim bind-mounts each container's root beside the directory that virtiofsd exports, which shows it only where the
 * kernel copies mounts there: the exported directory must be a mount that receives (`master:N` or `shared:N` of
 * mountinfo, proc(5)). On a host whose own root is private it is neither, and every container finds an empty root.
 * @param mountinfo text of /proc/self/mountinfo.
 * @param directory what virtiofsd exports.
 * @returns a sentence about it; nothing where mounts arrive, or where the directory is no mount of its own.
 */
export function propagationNote(mountinfo: string, directory: string): string | undefined {
  const mounts = mountinfo.split('\n').filter((line) => line.split(' ')[4] === directory);
  // Of several mounts on one place the last is the one that is seen.
  const [fields] = mounts.at(-1)?.split(' - ') ?? [];
  if (fields === undefined || /\s(shared|master):\d/.test(fields)) return undefined;
  return `${directory} receives no mounts, so containers will have empty roots: the host's own mounts are private; run "mount --make-rshared /" before the pod's start`;
}
