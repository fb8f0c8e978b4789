/** Runs commands in the guest itself, beside the agent, by its debug console: what no container can see. */
import type { Duplex } from 'node:stream';
import { KataError } from '../../../src/wire/error.ts';

/** Port of the debug console. */
const CONSOLE_PORT = 1026;
const CONNECT_TIMEOUT_MS = 10_000;
/** Printed when the terminal carries bytes as they are; the command that prints it spells it in two parts. */
const READY = 'console-is-raw';
/** Stands before the exit status at the end of the output. */
const END = '\n-- end of the command: ';

/** What is asked of the guest's vsock. */
interface Vsock {
  connect(port: number, timeoutMs: number): Promise<Duplex>;
}

/** What a command in the guest gave. */
interface GuestResult {
  readonly code: number;
  /** Both outputs, as they came. */
  readonly output: string;
}

/** Reads until the text has come. @returns what came before it, and what came behind. */
async function readUntil(chunks: AsyncIterator<Buffer>, text: string, already = ''): Promise<[string, string]> {
  let got = already;
  for (;;) {
    const at = got.indexOf(text);
    if (at >= 0) return [got.slice(0, at), got.slice(at + text.length)];
    const { done, value } = await chunks.next();
    if (done === true) throw new KataError('ERR_PROTOCOL', `the console ended before ${JSON.stringify(text)}: ${got}`);
    got += value.toString('latin1');
  }
}

/**
 * Runs a script of busybox's shell as root in the guest. The program `busybox` there has every applet; links exist for
 * some only.
 */
async function guestShell(vsock: Vsock, script: string): Promise<GuestResult> {
  const stream = await vsock.connect(CONSOLE_PORT, CONNECT_TIMEOUT_MS);
  const chunks: AsyncIterator<Buffer> = stream[Symbol.asyncIterator]();
  try {
    // A shell that reads a file is not interactive: no prompt, no echo, no editing. The file is the terminal, made raw.
    stream.write(`busybox stty raw -echo; printf '${READY.slice(0, 3)}''${READY.slice(3)}'; exec sh /proc/self/fd/0\n`);
    const [, rest] = await readUntil(chunks, READY);
    stream.write(`(\n${script}\n) </dev/null 2>&1; printf '${END.replace('\n', '\\n')}%d\\n' $?; exit\n`);
    const [output, status] = await readUntil(chunks, END, rest);
    const [digits] = await readUntil(chunks, '\n', status);
    return { code: Number.parseInt(digits, 10), output };
  } finally {
    stream.destroy();
  }
}

/** As {@link guestShell}, for a script that must succeed. @returns its output, without the last line's end. */
export async function guestOutput(vsock: Vsock, script: string): Promise<string> {
  const { code, output } = await guestShell(vsock, script);
  if (code !== 0) throw new KataError('ERR_COMMAND', `in the guest, status ${code}: ${script}\n${output}`);
  return output.trimEnd();
}
