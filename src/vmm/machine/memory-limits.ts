/** How much memory a machine may come to have. */
import type { MemoryConfig } from '../config/vm-config.ts';

/** Memory comes and goes in blocks of this size: that of a Linux guest on x86 with less than 64 GiB. */
export const MEMORY_BLOCK_BYTES = 128 << 20;
/** Emulated processors address 1 TiB (40 bits); what is below 4 GiB and devices' windows are in it too. */
const HOTPLUG_MAX_BYTES = 512 * 2 ** 30;
/**
 * Pieces of memory that may be added. Each is a region of its own for virtiofsd, whose library takes 32, and the memory
 * at the start is one or two.
 */
export const MEMORY_SLOTS = 28;

/**
 * How much may be added (bytes). Shims ask for as much as the host has, which cannot be had beside the memory that the
 * machine starts with.
 */
export function hotplugLimit(memory: MemoryConfig, hostBytes: number): number {
  const most = Math.min(memory.hotplugSize, hostBytes - memory.size, HOTPLUG_MAX_BYTES);
  return Math.max(0, Math.floor(most / MEMORY_BLOCK_BYTES) * MEMORY_BLOCK_BYTES);
}
