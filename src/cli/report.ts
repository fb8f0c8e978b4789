/** Tells of failures, and gives them their exit statuses. */
import { KataError } from '../wire/error.ts';
import { statusOfError } from './exit-status.ts';

/** One line on standard error, in this program's name. */
export function complain(error: unknown): void {
  note(KataError.from(error).message);
}

/** One line on standard error, in this program's name. */
export function note(text: string): void {
  process.stderr.write(`kata-sandbox: ${text}\n`);
}

/** Runs a command whose result is the program's exit status; a failure is told, and has a status of its own. */
export async function reporting(command: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await command();
  } catch (error) {
    complain(error);
    process.exitCode = statusOfError(error);
  }
}

/**
 * Does something for each of several names; one failure does not stop the others.
 * @returns the exit status: that of the first failure, or 0.
 */
export async function forEach(names: readonly string[], action: (name: string) => Promise<void>): Promise<number> {
  let status = 0;
  for (const name of names) {
    try {
      await action(name);
    } catch (error) {
      complain(error);
      status ||= statusOfError(error);
    }
  }
  return status;
}
