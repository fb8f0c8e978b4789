/** What the agent asks of V8, beyond the flags in its start script. */
import { setFlagsFromString } from 'node:v8';

/** How QEMU names the processor that it emulates (target/i386/cpu.c, model `max`); under KVM it has the machine's name. */
const EMULATED = /^model name\s*: QEMU TCG CPU/m;
/**
 * An emulator translates compiled code once more before it can run, and again whenever V8 replaces it: an exec takes a fifth
 * longer than with the interpreter, whose code is translated once.
 */
const INTERPRETER_ONLY = ['--no-opt', '--no-maglev', '--no-sparkplug'] as const;

/**
 * Leaves everything to V8's interpreter where the processor is emulated.
 * @param cpuinfo text of /proc/cpuinfo.
 * @returns whether that is so.
 */
export function tuneEngine(cpuinfo: string, setFlag: (flag: string) => void = setFlagsFromString): boolean {
  if (!EMULATED.test(cpuinfo)) return false;
  for (const flag of INTERPRETER_ONLY) setFlag(flag);
  return true;
}
