/** `kata-sandbox shell`: a shell in the guest itself, beside its containers. */
import { Transform } from 'node:stream';
import type { Command } from 'commander';
import { DEBUG_CONSOLE_PORT } from '../host/kernel-cmdline.ts';
import { sinkTo } from '../host/output.ts';
import { connectToSandbox } from '../host/running-sandbox.ts';
import { hasTerminal, localSize, RawTerminal } from './local-terminal.ts';
import { releaseInput } from './own-input.ts';
import { reporting } from './report.ts';
import { SignalProxy } from './signal-proxy.ts';
import { parseTarget, requireNotLost } from './target.ts';

/** The agent answers within milliseconds, that of a busy machine within seconds (ms). */
const CONNECT_TIMEOUT_MS = 10_000;
/** The key that ends the input of a terminal. */
const END_OF_INPUT = '\x04';

/** Adds the command to the program. */
export function addShell(program: Command): void {
  program
    .command('shell')
    .summary('a shell in the guest itself')
    .description(
      "Opens the agent's debug console: a shell in the guest, outside of its containers, for who wants to see what the " +
        'agent sees. It ends with its last command, with Ctrl-D, or with this program.',
    )
    .argument('<sandbox>')
    .action((name: string) => reporting(() => shell(name)));
}

async function shell(name: string): Promise<number> {
  const { sandbox: id } = parseTarget(name);
  requireNotLost(id);
  const sandbox = await connectToSandbox(id);
  try {
    const stream = await sandbox.vsock.connect(DEBUG_CONSOLE_PORT, CONNECT_TIMEOUT_MS);
    const raw = hasTerminal();
    // The console takes nothing but keys. A shell that has just started sits at its prompt, so the size is typed there;
    // later, keys would go to whatever runs.
    const { rows, columns } = localSize();
    if (raw) stream.write(`stty rows ${rows} columns ${columns}\n`);
    using _proxy = new SignalProxy(true, () => Promise.resolve(void stream.destroy()));
    using _raw = raw ? new RawTerminal({ rows, columns }, () => {}) : undefined;
    process.stdin.pipe(withEndKey()).pipe(stream, { end: false });
    const output = sinkTo(process.stdout);
    for await (const chunk of stream) await output(chunk);
    return 0;
  } finally {
    releaseInput();
    sandbox.close();
  }
}

/** The end of a file or pipe is typed as the key that means it: closing the connection would kill the shell at its work. */
function withEndKey(): Transform {
  return new Transform({
    transform: (chunk, _, done) => done(null, chunk),
    flush: (done) => done(null, END_OF_INPUT),
  });
}
