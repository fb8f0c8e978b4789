/** Joins a program in a guest with this one's streams, terminal and signals. */
import { sinkTo } from '../host/output.ts';
import type { GuestProcess, ProcessIo } from '../host/process.ts';
import type { WindowSize } from '../linux/terminal.ts';
import { RawTerminal } from './local-terminal.ts';
import { releaseInput } from './own-input.ts';
import { SignalProxy } from './signal-proxy.ts';

/** This program's streams, for a program in a guest. Without `interactive` that one's input is at its end at once. */
export function ownStreams(interactive: boolean): ProcessIo {
  const input = interactive ? { stdin: process.stdin } : {};
  return { ...input, stdout: sinkTo(process.stdout), stderr: sinkTo(process.stderr) };
}

/**
 * Carries streams, signals and sizes until the program has ended and all of its output is here.
 * @param terminal the size with which it was started; undefined where it has no terminal.
 * @returns its exit code.
 */
export async function joinProcess(
  guest: GuestProcess,
  interactive: boolean,
  terminal: WindowSize | undefined,
): Promise<number> {
  // Without input nobody could type a Ctrl-C, so the terminal stays as it is and makes a signal of it.
  const raw = interactive ? terminal : undefined;
  // A program that has ended meanwhile takes neither, which is no failure.
  using _proxy = new SignalProxy(raw !== undefined, (signal) => guest.signal(signal).catch(() => {}));
  using _raw = raw === undefined ? undefined : new RawTerminal(raw, (size) => void guest.resize(size).catch(() => {}));
  try {
    const [status] = await Promise.all([guest.wait(), guest.carry(ownStreams(interactive))]);
    return status;
  } finally {
    if (interactive) releaseInput();
  }
}
