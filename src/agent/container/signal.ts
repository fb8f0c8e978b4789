/** Signals to processes of containers. */
import { badField } from './oci-spec/bad-field.ts';

/** The last real-time signal (signal(7)). */
const LAST_SIGNAL = 64;

/**
 * Checks the number of a signal; 0 only asks whether the process is there.
 * @throws KataError (INTERNAL on the wire) for a number that is no signal.
 */
export function checkSignal(number: number): number {
  if (number > LAST_SIGNAL) throw badField('signal', number, `is no signal: there are 0 to ${LAST_SIGNAL}`);
  return number;
}
