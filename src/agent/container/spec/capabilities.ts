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
const KNOWN: ReadonlySet<string> = new Set(NAMES.map((name) => `CAP_${name}`));

/**
 * Converts the capability sets.
 * @param warn gets a sentence for a name that this kernel interface does not have; it is dropped, as a host with a newer
 *   kernel may send names that the guest's has never heard of.
 */
export function convertCapabilities(
  given: grpc.LinuxCapabilities | null | undefined,
  warn: (warning: string) => void,
): JsonObject {
  const keep = (set: string, names: readonly string[]): readonly string[] =>
    names.filter((name) => {
      if (KNOWN.has(name)) return true;
      warn(`Process.Capabilities.${set}: ${JSON.stringify(name)} is unknown and was dropped`);
      return false;
    });
  return {
    bounding: keep('Bounding', given?.Bounding ?? []),
    effective: keep('Effective', given?.Effective ?? []),
    inheritable: keep('Inheritable', given?.Inheritable ?? []),
    permitted: keep('Permitted', given?.Permitted ?? []),
    ambient: keep('Ambient', given?.Ambient ?? []),
  };
}
