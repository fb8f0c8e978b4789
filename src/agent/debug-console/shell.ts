/** The shell of the debug console. */
import { closeSync, constants, existsSync, openSync } from 'node:fs';
import { setTerminalSize, terminalNumber, unlockTerminal } from '../../linux/terminal.ts';
import { KataError } from '../../wire/error.ts';
import type { Child, Reaper } from '../process/reaper.ts';
import { Terminal } from '../stream/terminal.ts';

const SHELLS = ['/bin/bash', '/bin/sh'];
const CONSOLE = '/dev/console';

/** Nobody tells how large the terminal on the other side is: the size that every program copes with. */
const SIZE = { rows: 24, columns: 80 } as const;

const DEFAULT_PATH = '/bin:/sbin:/usr/bin:/usr/sbin';
/** What the terminal on the other side most probably understands. */
const TERM = 'xterm';
/** What the kernel itself calls its console. */
const CONSOLE_TERM = 'linux';

function findShell(): string {
  const shell = SHELLS.find((path) => existsSync(path));
  if (shell === undefined) throw new KataError('ERR_NOT_FOUND', `debug console: no ${SHELLS.join(' and no ')}`);
  return shell;
}

function environment(term: string): readonly string[] {
  return [`PATH=${process.env['PATH'] ?? DEFAULT_PATH}`, `TERM=${term}`, 'HOME=/'];
}

/** A shell with a terminal of its own. */
export interface TerminalShell {
  readonly child: Child;
  /** The caller closes its streams. */
  readonly terminal: Terminal;
}

/**
 * Starts a shell that leads a new session, with a new terminal as the controlling one.
 * @throws KataError ERR_NOT_FOUND without a shell; ERR_SYSCALL, such as ENOSPC where there are too many terminals.
 */
export function startTerminalShell(reaper: Reaper): TerminalShell {
  const path = findShell();
  const master = openSync('/dev/ptmx', constants.O_RDWR | constants.O_NOCTTY);
  let terminal: Terminal;
  try {
    unlockTerminal(master);
    setTerminalSize(master, SIZE);
  } catch (error) {
    closeSync(master);
    throw error;
  }
  terminal = new Terminal(master);
  try {
    const stdio = { terminal: `/dev/pts/${terminalNumber(master)}` };
    const child = reaper.spawn({ path, argv: [path], env: environment(TERM), cwd: '/', stdio });
    return { child, terminal };
  } catch (error) {
    terminal.input.close();
    terminal.output.close();
    throw error;
  }
}

/**
 * Starts a shell on the machine's console.
 * @throws KataError ERR_NOT_FOUND without a shell; ERR_SYSCALL, such as ENODEV without a console.
 */
export function startConsoleShell(reaper: Reaper): Child {
  const path = findShell();
  let fd: number;
  try {
    fd = openSync(CONSOLE, constants.O_RDWR | constants.O_NOCTTY);
  } catch (error) {
    throw KataError.from(error);
  }
  try {
    // In PID 1's session, of which the console is the controlling terminal: in one of its own the shell would have none.
    const env = environment(process.env['TERM'] ?? CONSOLE_TERM);
    return reaper.spawn({ path, argv: [path, '-i'], env, cwd: '/', stdio: [fd, fd, fd] });
  } finally {
    closeSync(fd);
  }
}
