/** Loads kernel modules and drivers. */
import { type CommandResult, runCommand } from './command.ts';
import type { Reaper } from './reaper.ts';

/** Where the guest has it. */
export const MODPROBE = '/sbin/modprobe';
/** A module's start-up code may probe hardware (ms). */
const DEADLINE_MS = 20_000;

/**
 * Runs it.
 * @param program for tests.
 * @throws KataError as runCommand; a failure of its own is in the status.
 */
export function runModprobe(reaper: Reaper, args: readonly string[], program = MODPROBE): Promise<CommandResult> {
  return runCommand(reaper, [program, ...args], { deadlineMs: DEADLINE_MS });
}
