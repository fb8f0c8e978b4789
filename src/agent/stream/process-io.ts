/** The agent's ends of a process's standard streams. */
import { InputStream } from './input-stream.ts';
import { OutputStream } from './output-stream.ts';
import type { StdioPipes } from './stdio.ts';
import { Terminal } from './terminal.ts';

/** What a process reads and writes, on the agent's side. */
export interface ProcessIo {
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  /** With a terminal the same stream as `stdout`. */
  readonly stderr: OutputStream;
  readonly terminal: Terminal | undefined;
}

/** Streams through pipes. @param pipes the agent's ends belong to the streams from now on. */
export function pipeIo(pipes: Pick<StdioPipes, 'stdin' | 'stdout' | 'stderr'>): ProcessIo {
  return {
    stdin: new InputStream(pipes.stdin, 'pipe'),
    stdout: new OutputStream(pipes.stdout),
    stderr: new OutputStream(pipes.stderr),
    terminal: undefined,
  };
}

/** Streams through a terminal. @param master belongs to the streams from now on. @throws KataError ERR_SYSCALL. */
export function terminalIo(master: number): ProcessIo {
  const terminal = new Terminal(master);
  return { stdin: terminal.input, stdout: terminal.output, stderr: terminal.output, terminal };
}

/** Closes all of it. What was not read or written is dropped, and whoever waits gets an error. */
export function closeIo(io: ProcessIo): void {
  io.stdin.close();
  io.stdout.close();
  io.stderr.close();
}
