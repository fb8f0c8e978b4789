/** Capabilities of a process. */
import { CAPABILITY_NAMES } from '../../../linux/capability.ts';
import type { grpc } from '../../../wire/generated/proto.js';

const PREFIX = 'CAP_';
const KNOWN: ReadonlySet<string> = new Set(CAPABILITY_NAMES.map((name) => `${PREFIX}${name}`));

/**
 * The name with its prefix. The Go shim sends `CAP_CHOWN`; peers written in Rust (runtime-rs, kata-agent-ctl) send `CHOWN`,
 * older ones `"CAP_CHOWN"` with the quotation marks of JSON. A set that was dropped for that would leave root without
 * any right.
 */
function fullName(name: string): string {
  const bare = /^".*"$/.test(name) ? name.slice(1, -1) : name;
  return bare.startsWith(PREFIX) ? bare : `${PREFIX}${bare}`;
}

/** The sets, each a list of names with their prefix. A type, not an interface: only that is a JSON object too. */
export type CapabilitySets = {
  readonly bounding: readonly string[];
  readonly effective: readonly string[];
  readonly inheritable: readonly string[];
  readonly permitted: readonly string[];
  readonly ambient: readonly string[];
};

/**
 * Converts the capability sets; all names get their prefix.
 * @param warn gets a sentence for a name that this kernel interface does not have; it is dropped, as a host with a newer
 *   kernel may send names that the guest's has never heard of.
 */
export function convertCapabilities(
  given: grpc.LinuxCapabilities | null | undefined,
  warn: (warning: string) => void,
): CapabilitySets {
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
