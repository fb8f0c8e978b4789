/** The kernel command line of a guest. */

import { PASSFD_PORT } from './passfd-streams.ts';

/** Port of the agent's debug console: the one that Kata's runtime asks for. */
export const DEBUG_CONSOLE_PORT = 1026;

/** What the command line depends on. */
export interface CommandLineOptions {
  /** Parameters that go behind ours, such as `agent.log=debug`. */
  readonly extra?: readonly string[];
}

/**
 * Parameters that make a start shorter, most of all where no processor runs the guest but a translator:
 * - `tsc=reliable no_timer_check`: no calibration of timers against each other, which emulation makes slow and vain;
 * - `noreplace-smp`: the kernel does not patch its locks for one processor, which saves 90 ms of emulated time;
 * - `cryptomgr.notests`: the kernel does not test its ciphers against known results, which saves 240 ms;
 * - `random.trust_cpu=on`: the first getrandom(2) does not wait for entropy;
 * - `rcupdate.rcu_expedited=1`: the kernel does not take its time where a change waits for all processors. Moves between
 *   cgroups are not among these where the agent's mount has favordynmods (2 ms instead of 12).
 */
export const FAST_START_PARAMETERS: readonly string[] = [
  'tsc=reliable',
  'no_timer_check',
  'noreplace-smp',
  'cryptomgr.notests',
  'random.trust_cpu=on',
  'rcupdate.rcu_expedited=1',
];

/**
 * Parameters that every guest gets beside those. Each one is here because it makes the end certain or the guest readable:
 * - `console=ttyS0 quiet`: the console is the harness's only view of a failed boot, and each line of it costs time;
 * - `panic=1 reboot=k`: a dead kernel resets by the keyboard controller after 1 s, which QEMU's -no-reboot makes an exit;
 * - `net.ifnames=0`: interfaces are eth0 and so on, as the shim expects;
 * - `agent.passfd_listener_port`, `agent.debug_console`: streams by connections of their own, and a shell in the guest.
 */
const PARAMETERS: readonly string[] = [
  'console=ttyS0',
  'quiet',
  'panic=1',
  'reboot=k',
  ...FAST_START_PARAMETERS,
  'net.ifnames=0',
  `agent.passfd_listener_port=${PASSFD_PORT}`,
  'agent.debug_console',
  `agent.debug_console_vport=${DEBUG_CONSOLE_PORT}`,
];

/**
 * Kernel parameters, in the order in which they go on the command line. One of ours for the agent is left out where an
 * extra one has its name: agents pass over some values, such as port 0, instead of taking them for the last word.
 */
export function kernelParameters({ extra = [] }: CommandLineOptions = {}): string[] {
  const names = new Set(extra.map(nameOf));
  const ours = PARAMETERS.filter((word) => !(word.startsWith('agent.') && names.has(nameOf(word))));
  return [...ours, ...extra];
}

function nameOf(word: string): string {
  return word.split('=', 1)[0] ?? '';
}
