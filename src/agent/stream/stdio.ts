/** The pipes between the agent and a process. */
import { closeSync, fchownSync } from 'node:fs';
import { O_CLOEXEC, type PipeEnds, pipe2, setPipeSize } from '../../linux/pipe.ts';

/** Descriptors of both sides; the caller owns them. */
export interface StdioPipes {
  /** The process's 0, 1 and 2. */
  readonly child: readonly [number, number, number];
  /** Write end of its standard input. */
  readonly stdin: number;
  /** Read ends of its output. */
  readonly stdout: number;
  readonly stderr: number;
}

const KEEP_GROUP = -1;

/**
 * Makes the pipes of a process without a terminal. Pipes, not sockets: programs open /dev/stdout by its path.
 * @param outputSize wanted size of the output pipes (bytes); 0 leaves the kernel's.
 * @param uid owner of the process's ends, who otherwise could not open them by path.
 * @throws KataError ERR_SYSCALL, such as EMFILE, or EPERM for a size above the kernel's limit; nothing stays open then.
 */
export function openStdioPipes(outputSize: number, uid: number): StdioPipes {
  const opened: PipeEnds[] = [];
  const open = (): PipeEnds => {
    const ends = pipe2(O_CLOEXEC);
    opened.push(ends);
    return ends;
  };
  try {
    const [stdin, stdout, stderr] = [open(), open(), open()];
    if (outputSize > 0) for (const { write } of [stdout, stderr]) setPipeSize(write, outputSize);
    const child: StdioPipes['child'] = [stdin.read, stdout.write, stderr.write];
    if (uid !== 0) for (const fd of child) fchownSync(fd, uid, KEEP_GROUP);
    return { child, stdin: stdin.write, stdout: stdout.read, stderr: stderr.read };
  } catch (error) {
    for (const { read, write } of opened) {
      closeSync(read);
      closeSync(write);
    }
    throw error;
  }
}

/** Closes the process's ends here, once it has them. */
export function closeChildEnds(pipes: StdioPipes): void {
  for (const fd of pipes.child) closeSync(fd);
}

/** Closes the agent's ends. */
export function closeAgentEnds(pipes: StdioPipes): void {
  for (const fd of [pipes.stdin, pipes.stdout, pipes.stderr]) closeSync(fd);
}
