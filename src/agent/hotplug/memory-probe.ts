/** Memory that the guest is told of, where it does not notice by itself (arm64 without ACPI). */
import { writeFile } from 'node:fs/promises';
import type Long from 'long';
import { KataError } from '../../wire/error.ts';
import { badField } from '../container/oci-spec/bad-field.ts';
import { SYSTEM_DEVICES } from './devices.ts';

const HEX = 16;

/**
 * Tells the kernel of a block of memory at each address, in their order. A block that was added stays where a later one
 * fails: the kernel has no way back.
 * @throws KataError (INTERNAL on the wire) naming field and value, with the errno: ENOENT where the kernel has no such
 *   file, EEXIST for a block that is there, EINVAL for an address in the midst of one.
 */
export async function probeMemory(addresses: readonly Long[], root = SYSTEM_DEVICES): Promise<void> {
  for (const address of addresses) {
    const text = `0x${address.toUnsigned().toString(HEX).toUpperCase()}`;
    try {
      await writeFile(`${root}/memory/probe`, text, { flag: 'r+' });
    } catch (error) {
      const { errno = 'error' } = KataError.from(error);
      throw badField('memHotplugProbeAddr', text, `is refused by the kernel (${errno})`);
    }
  }
}
