/** Capabilities of a process. */
import type { grpc } from '../../../wire/generated/proto.js';
import type { JsonObject } from './json.ts';

/** capabilities(7). */
const NAMES = [
  'CHOWN',
  'DAC_OVERRIDE',
  'DAC_READ_SEARCH',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'SETPCAP',
  'LINUX_IMMUTABLE',
  'NET_BIND_SERVICE',
  'NET_BROADCAST',
  'NET_ADMIN',
  'NET_RAW',
  'IPC_LOCK',
  'IPC_OWNER',
  'SYS_MODULE',
  'SYS_RAWIO',
  'SYS_CHROOT',
  'SYS_PTRACE',
  'SYS_PACCT',
  'SYS_ADMIN',
  'SYS_BOOT',
  'SYS_NICE',
  'SYS_RESOURCE',
  'SYS_TIME',
  'SYS_TTY_CONFIG',
  'MKNOD',
  'LEASE',
  'AUDIT_WRITE',
  'AUDIT_CONTROL',
  'SETFCAP',
  'MAC_OVERRIDE',
  'MAC_ADMIN',
  'SYSLOG',
  'WAKE_ALARM',
  'BLOCK_SUSPEND',
  'AUDIT_READ',
  'PERFMON',
  'BPF',
  'CHECKPOINT_RESTORE',
] as const;
const PREFIX = 'CAP_';
const KNOWN: ReadonlySet<string> = new Set(NAMES.map((name) => `${PREFIX}${name}`));

/**
 * The name with its prefix. The Go shim sends `CAP_CHOWN`; peers written in Rust (runtime-rs, kata-agent-ctl) send `CHOWN`,
 * older ones `"CAP_CHOWN"` with the quotation marks of JSON. A set that was dropped for that would leave root without
 * any right.
 */
function fullName(name: string): string {
  const bare = /^".*"$/.test(name) ? name.slice(1, -1) : name;
  return bare.startsWith(PREFIX) ? bare : `${PREFIX}${bare}`;
}

/**
 * Converts the capability sets; all names get their prefix.
 * @param warn gets a sentence for a name that this kernel interface does not have; it is dropped, as a host with a newer
 *   kernel may send names that the guest's has never heard of.
 */
export function convertCapabilities(
  given: grpc.LinuxCapabilities | null | undefined,
  warn: (warning: string) => void,
): JsonObject {
  const keep = (set: string, names: readonly string[]): readonly string[] =>
    names.flatMap((name) => {
      const full = fullName(name);
      if (KNOWN.has(full)) return [full];
      warn(`Process.Capabilities.${set}: ${JSON.stringify(name)} is unknown and was dropped`);
      return [];
    });
  return {
    bounding: keep('Bounding', given?.Bounding ?? []),
    effective: keep('Effective', given?.Effective ?? []),
    inheritable: keep('Inheritable', given?.Inheritable ?? []),
    permitted: keep('Permitted', given?.Permitted ?? []),
    ambient: keep('Ambient', given?.Ambient ?? []),
  };
}
