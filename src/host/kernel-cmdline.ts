/** The kernel command line of a guest. */

/** What the command line depends on. */
export interface CommandLineOptions {
  /** Parameters that go behind ours, such as `agent.log=debug`. */
  readonly extra?: readonly string[];
}

/**
 * Parameters that every guest gets. Each one is here because it makes the start shorter or the end certain:
 * - `console=ttyS0 quiet`: the console is the harness's only view of a failed boot, and each line of it costs time;
 * - `panic=1 reboot=k`: a dead kernel resets by the keyboard controller after 1 s, which QEMU's -no-reboot makes an exit;
 * - `tsc=reliable no_timer_check`: no calibration of timers against each other, which emulation makes slow and vain;
 * - `noreplace-smp`: the kernel does not patch its locks for one processor, which saves 90 ms of emulated time;
 * - `cryptomgr.notests`: the kernel does not test its ciphers against known results, which saves 240 ms;
 * - `random.trust_cpu=on`: the first getrandom(2) does not wait for entropy;
 * - `rcupdate.rcu_expedited=1`: moving a process between cgroups waits 8 ms instead of 18;
 * - `net.ifnames=0`: interfaces are eth0 and so on, as the shim expects.
 */
const PARAMETERS: readonly string[] = [
  'console=ttyS0',
  'quiet',
  'panic=1',
  'reboot=k',
  'tsc=reliable',
  'no_timer_check',
  'noreplace-smp',
  'cryptomgr.notests',
  'random.trust_cpu=on',
  'rcupdate.rcu_expedited=1',
  'net.ifnames=0',
];

/** Kernel parameters, in the order in which they go on the command line. */
export function kernelParameters(options: CommandLineOptions = {}): string[] {
  return [...PARAMETERS, ...(options.extra ?? [])];
}
