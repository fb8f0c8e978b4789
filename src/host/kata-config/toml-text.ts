/** Writes TOML. */
import { stringify } from 'smol-toml';

/** The text of a file, which ends with one line end. */
export function tomlText(document: Readonly<Record<string, unknown>>): string {
  return `${stringify(document).trimEnd()}\n`;
}
