/** Memory that is added to a running machine. */
import { KataError } from '../../wire/error.ts';
import { MEMORY_BLOCK_BYTES } from '../machine/memory-limits.ts';
import type { RunningMachine } from '../machine/running-machine.ts';

/** A module of memory. */
export interface MemoryPiece {
  /** Number among those added; names it. */
  readonly index: number;
  /** Bytes. */
  readonly size: number;
}

/**
 * Adds memory; the guest's kernel finds it, and the agent takes it into use when it is asked to.
 * @throws KataError ERR_INVALID_ARGUMENT for a size that the guest would refuse, ERR_COMMAND as QEMU says.
 */
export async function plugMemory(machine: RunningMachine, { index, size }: MemoryPiece): Promise<void> {
  if (size % MEMORY_BLOCK_BYTES !== 0) {
    throw new KataError('ERR_INVALID_ARGUMENT', `desired_ram: ${size} more bytes are not whole blocks of 128 MiB`);
  }
  const id = `mem${index}`;
  await machine.execute('object-add', { 'qom-type': 'memory-backend-memfd', id, size, share: true });
  try {
    await machine.execute('device_add', { driver: 'pc-dimm', id: `dimm${index}`, memdev: id });
  } catch (error) {
    await machine.execute('object-del', { id }).catch(() => {});
    throw error;
  }
}
