/** The guest's packet filter rules, by the programs that write and read them as text. */
import { KataError } from '../../wire/error.ts';
import { findProgram, runCommand } from '../process/command.ts';
import type { Reaper } from '../process/reaper.ts';

/** Where the programs are, whatever PATH the agent has. */
const DIRECTORIES = '/usr/sbin:/sbin';

/** How long a restore waits for another program that changes the rules (s); part of the deadline below. */
const LOCK_WAIT_S = 5;

/** Below the 60 s that the shim gives a call; a large set of rules takes seconds under emulation (ms). */
const DEADLINE_MS = 45_000;

async function run(reaper: Reaper, name: string, args: readonly string[], input?: Uint8Array): Promise<Buffer> {
  const argv = [findProgram(name, DIRECTORIES), ...args];
  const options = { deadlineMs: DEADLINE_MS, ...(input === undefined ? {} : { input }) };
  const { status, stdout, stderr, truncated } = await runCommand(reaper, argv, options);
  if (status.kind !== 'exited' || status.code !== 0) {
    const end = status.kind === 'exited' ? `exit status ${status.code}` : `signal ${status.signal}`;
    throw new KataError('ERR_COMMAND', `${name}: ${end}: ${stderr.toString('utf8').trim()}`);
  }
  // Half of the rules would be taken for all of them.
  if (truncated) throw new KataError('ERR_COMMAND', `${name}: ${stdout.length} bytes of rules do not fit an answer`);
  return stdout;
}

/**
 * The rules, as iptables-save prints them.
 * @throws KataError ERR_COMMAND with what the program said; ERR_SYSCALL ENOENT where the guest has none; ERR_DEADLINE.
 */
export async function saveRules(reaper: Reaper, isIpv6: boolean): Promise<Buffer> {
  return await run(reaper, isIpv6 ? 'ip6tables-save' : 'iptables-save', []);
}

/**
 * Replaces the tables that `rules` names, each as a whole.
 * @param rules as iptables-restore reads them.
 * @returns what the program printed, usually nothing.
 * @throws KataError as {@link saveRules}; a table whose rules are wrong stays as it was.
 */
export async function restoreRules(reaper: Reaper, isIpv6: boolean, rules: Uint8Array): Promise<Buffer> {
  const name = isIpv6 ? 'ip6tables-restore' : 'iptables-restore';
  return await run(reaper, name, ['--wait', String(LOCK_WAIT_S)], rules);
}
