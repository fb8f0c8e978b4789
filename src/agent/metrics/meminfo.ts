/** /proc/meminfo under the names that monitors of the guest know. */
import { words } from './family.ts';

const BYTES_PER_KIB = 1024;

/**
 * The item of a key of the file: its words in lower case, with underscores between them, but for three kinds.
 * `Active(anon)` is active_anon, `HugePages_Total` hugepages_total, `DirectMap2M` direct_map_2M, `Percpu` per_cpu.
 */
export function meminfoItem(key: string): string {
  if (key === 'Percpu') return 'per_cpu';
  const map = /^DirectMap(\d+[kMG])$/.exec(key)?.[1];
  if (map !== undefined) return `direct_map_${map}`;
  return key
    .replace('HugePages', 'Hugepages')
    .replace(/\((\w+)\)/, '_$1')
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1_$2')
    .toLowerCase();
}

/** Item -> bytes, or pages where the file has no unit. */
export function meminfoItems(text: string): Readonly<Record<string, number>> {
  const items = text.split('\n').flatMap((line) => {
    const [key, rest] = line.split(':');
    if (key === undefined || rest === undefined) return [];
    const [value, unit] = words(rest);
    return [[meminfoItem(key), Number(value) * (unit === 'kB' ? BYTES_PER_KIB : 1)] as const];
  });
  return Object.fromEntries(items);
}
