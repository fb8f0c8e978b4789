/** The table of what the image's bytes are spent on. */

/** A line of the table. */
export interface SizeRow {
  readonly name: string;
  readonly files: number;
  readonly bytes: number;
}

const MIB = 1024 * 1024;

/** Lines of the table: largest first, the names as wide as they need, sizes in MiB. */
export function sizeTable(rows: readonly SizeRow[]): string[] {
  const width = Math.max(...rows.map(({ name }) => name.length));
  return rows
    .toSorted((a, b) => b.bytes - a.bytes || (a.name < b.name ? -1 : 1))
    .map(({ name, files, bytes }) => {
      const count = files === 1 ? '1 file ' : `${files} files`;
      return `  ${name.padEnd(width)} ${(bytes / MIB).toFixed(2).padStart(8)} MiB ${count.padStart(10)}`;
    });
}
