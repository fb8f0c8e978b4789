/** Processors that are added to a running machine, and taken back. */
import { list, object, optional, text } from '../../host/keeper/json.ts';
import { KataError } from '../../wire/error.ts';
import type { RunningMachine } from '../machine/running-machine.ts';

/** Where QEMU keeps devices that were given an id. */
const PERIPHERAL = '/machine/peripheral/';
const NAME_PREFIX = 'cpu-';

const hotpluggable = list(
  object({ type: text, 'qom-path': optional(text), props: (value: unknown): object => Object(value) }),
);

/**
 * Brings the number of processors from one to another; the agent brings new ones on line when it is asked to, and the
 * guest's kernel gives old ones back by itself, later. The processors of the start stay.
 * @throws KataError ERR_COMMAND as QEMU says, ERR_INVALID_ARGUMENT for fewer than there were at the start.
 */
export async function resizeCpus(machine: RunningMachine, from: number, to: number): Promise<void> {
  // QEMU lists the highest first.
  const places = hotpluggable(await machine.execute('query-hotpluggable-cpus'), 'hotpluggable CPUs').toReversed();
  if (to > from) {
    const free = places.flatMap((place, index) => (place['qom-path'] === undefined ? [{ ...place, index }] : []));
    for (const { type, props, index } of take(free, to - from)) {
      await machine.execute('device_add', { driver: type, id: `${NAME_PREFIX}${index}`, ...props });
    }
    return;
  }
  const added = places
    .flatMap(({ 'qom-path': path }) => (path?.startsWith(PERIPHERAL) === true ? [path.slice(PERIPHERAL.length)] : []))
    .filter((name) => name.startsWith(NAME_PREFIX));
  for (const id of take(added.toReversed(), from - to)) await machine.execute('device_del', { id });
}

function take<T>(things: readonly T[], count: number): readonly T[] {
  if (things.length >= count) return things.slice(0, count);
  throw new KataError('ERR_INVALID_ARGUMENT', `desired_vcpus: of ${count} processors, ${things.length} can be had`);
}
