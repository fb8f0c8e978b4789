/** Chooses the accelerator within the time that a `vm.boot` has. */
import { setTimeout as delay } from 'node:timers/promises';
import { type AcceleratorVerdict, chooseAccelerator, type Qemu } from '../host/accelerator.ts';
import { cacheRoot } from '../host/paths.ts';
import { KataError } from '../wire/error.ts';

/** Environment variable that decides: `kvm` or `tcg`. */
const ACCELERATOR_VARIABLE = 'KATA_VMM_ACCELERATOR';
/** Of the one second that older shims give `vm.boot` (ms). A remembered verdict takes a millisecond. */
const CHOICE_TIMEOUT_MS = 400;

/**
 * Chooses: the environment's word, else what is known of this host. Where KVM has not been tried yet there is no time to
 * wait for the trial: this machine is emulated, and the trial, which goes on, decides for the next one.
 * @param kernel of the guest.
 * @throws KataError ERR_INVALID_ARGUMENT for a wrong value in the environment.
 */
export async function acceleratorInTime(
  qemu: Qemu,
  kernel: string,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<AcceleratorVerdict> {
  const word = environment[ACCELERATOR_VARIABLE] ?? '';
  if (word === 'kvm' || word === 'tcg') return { accelerator: word, reason: `${ACCELERATOR_VARIABLE} says so` };
  if (word !== '') {
    throw new KataError('ERR_INVALID_ARGUMENT', `${ACCELERATOR_VARIABLE}: ${JSON.stringify(word)} is not kvm or tcg`);
  }
  const limit = new AbortController();
  const emulated = { accelerator: 'tcg', reason: 'KVM is being tried, and decides for the next machine' } as const;
  const late = delay(CHOICE_TIMEOUT_MS, emulated, { signal: limit.signal, ref: false });
  late.catch(() => {});
  const choice = chooseAccelerator(qemu, { kernel }, cacheRoot(environment));
  // One that fails after its time changes nothing.
  choice.catch(() => {});
  try {
    return await Promise.race([choice, late]);
  } finally {
    limit.abort();
  }
}
