/** The files of the host that a configuration names. */
import { parseTomlText } from './document.ts';
import type { Path } from './finding.ts';
import { isRecord } from './shape.ts';

/** One of them. */
export interface ConfiguredFile {
  readonly path: Path;
  readonly line: number | undefined;
  readonly file: string;
}

/** Keys whose file the shim opens, or refuses to start without. */
const FILE_KEYS = ['path', 'kernel', 'image', 'initrd', 'firmware', 'virtio_fs_daemon'] as const;

/** Files of Kata's configuration; none where the text is another file, or broken. */
export function configuredFiles(text: string): ConfiguredFile[] {
  const parsed = parseTomlText(text);
  if (parsed.kind === 'broken') return [];
  return parsed.documents.flatMap(({ value, lineOf }) => {
    const hypervisors = isRecord(value) && isRecord(value['hypervisor']) ? value['hypervisor'] : {};
    return Object.entries(hypervisors).flatMap(([name, table]) =>
      FILE_KEYS.flatMap((key): ConfiguredFile[] => {
        const file = isRecord(table) ? table[key] : undefined;
        const path = ['hypervisor', name, key];
        return typeof file === 'string' && file !== '' ? [{ path, line: lineOf(path), file }] : [];
      }),
    );
  });
}
