/** Exit statuses of the program: those of docker and of the shells. */
import { constants } from 'node:os';
import { KataError } from '../wire/error.ts';

/** We failed, not the command. */
export const OWN_FAILURE = 125;
/** The command is there and cannot be run. */
const CANNOT_RUN = 126;
/** There is no such command. */
const NOT_FOUND = 127;
/** A process that writes to a pipe without a reader is ended by SIGPIPE. */
const BROKEN_PIPE = 128 + constants.signals.SIGPIPE;

/** Exit status after a signal. */
export function statusOfSignal(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

/**
 * Reasons of an agent for which a command is missing, and for which it cannot be run. The protocol has no field for
 * them, only the text: ours (`the file x was not found`) and those of runtimes that other agents pass on.
 */
const MISSING = [
  /the file .* was not found/i,
  /executable file .* not found/i,
  /the file .* cannot be executed: no such file or directory/i,
];
const REFUSED = [
  /the file .* cannot be executed/i,
  /the working directory .* (was not found|cannot be used)/i,
  /the user .* is unknown/i,
  /exec.*(permission denied|exec format error|is a directory)/i,
];

/** Exit status for an error of a run. */
export function statusOfError(thrown: unknown): number {
  const { code, message } = KataError.from(thrown);
  if (code === 'ERR_CANCELLED') return BROKEN_PIPE;
  // A guest's last words may hold anything.
  if (code === 'ERR_BOOT' || code === 'ERR_HOST' || code === 'ERR_UNAVAILABLE') return OWN_FAILURE;
  if (MISSING.some((pattern) => pattern.test(message))) return NOT_FOUND;
  if (REFUSED.some((pattern) => pattern.test(message))) return CANNOT_RUN;
  return OWN_FAILURE;
}
