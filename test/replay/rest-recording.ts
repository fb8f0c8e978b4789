/** What an unmodified Kata shim asked its machine monitor for, read from the fixtures beside this file. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One step of the dialogue. */
export type RestStep =
  /** The monitor is started. */
  | { readonly is: 'start'; readonly argv: readonly string[] }
  /** A request, and the status that the shim takes for success. */
  | {
      readonly is: 'request';
      readonly method: string;
      readonly path: string;
      readonly body: unknown;
      readonly status: number;
    }
  /** A connection through the hybrid socket. */
  | { readonly is: 'connect'; readonly port: number };

/** Which version's dialect. */
export type RestRecordingName = '2.2.0' | '3.5.0';

/** Where the recorded paths shall be. */
export interface Places {
  /** In the place of `/run/vc/vm/<sandbox>`. */
  readonly runDirectory: string;
  readonly kernel: string;
  readonly initramfs: string;
  readonly image: string;
}

interface Line {
  readonly argv?: readonly string[];
  readonly connect?: number;
  readonly method?: string;
  readonly path?: string;
  readonly status?: number;
  readonly body?: unknown;
}

/** The dialogues of a recording, one for each monitor that was started, with their paths moved. */
export function readRestRecording(name: RestRecordingName, places: Places): RestStep[][] {
  const text = readFileSync(join(import.meta.dirname, `fixtures/rest-${name}.jsonl`), 'utf8')
    .replace(/\/run\/vc\/vm\/[0-9a-z]+(?=\/)/g, places.runDirectory)
    .replaceAll('/usr/share/kata-containers/vmlinux', places.kernel)
    .replaceAll('/opt/test/vmlinux', places.kernel)
    .replaceAll('/opt/test/initrd.img', places.initramfs)
    .replaceAll('/usr/share/kata-containers/kata-containers.img', places.image);
  const dialogues: RestStep[][] = [];
  for (const json of text.trimEnd().split('\n')) {
    // Reason for the cast: the lines are our own fixture's; their README tells the members.
    const line = JSON.parse(json) as Line;
    if (line.argv !== undefined) dialogues.push([]);
    dialogues.at(-1)?.push(stepOf(line));
  }
  return dialogues;
}

function stepOf({ argv, connect, method = '', path = '', status = 0, body }: Line): RestStep {
  if (argv !== undefined) return { is: 'start', argv };
  if (connect !== undefined) return { is: 'connect', port: connect };
  return { is: 'request', method, path, body, status };
}
