/** Mounts of a container. */
import type { grpc } from '../../../wire/generated/proto.js';
import { badField } from './bad-field.ts';
import type { JsonObject } from './json.ts';
import { nonEmpty } from './number.ts';

const BIND_OPTIONS: readonly string[] = ['bind', 'rbind'];

/**
 * Converts one mount. With `bind` or `rbind` among the options the type is `bind`, whatever the request says: the
 * kernel ignores the type of a bind, and host-side runtimes send names of their own there (`local`).
 * @throws KataError (INTERNAL on the wire) naming field and value.
 */
export function convertMount(mount: grpc.Mount): JsonObject {
  if (!mount.destination.startsWith('/')) throw badField('Mounts.destination', mount.destination, 'is not absolute');
  const isBind = mount.type === 'bind' || mount.options.some((option) => BIND_OPTIONS.includes(option));
  if (isBind && mount.source === '') throw badField(`Mounts.source of ${mount.destination}`, '', 'is empty');
  return {
    destination: mount.destination,
    type: isBind ? 'bind' : nonEmpty(mount.type),
    source: nonEmpty(mount.source),
    options: mount.options,
  };
}
