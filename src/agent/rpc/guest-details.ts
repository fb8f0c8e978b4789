/** The handler of GetGuestDetails. */
import { existsSync, readFileSync } from 'node:fs';
import Long from 'long';
import { hasErrno, KataError } from '../../wire/error.ts';
import type { Handlers } from '../../wire/ttrpc/router.ts';
import { STORAGE_DRIVERS } from '../storage/storages.ts';
import { VERSION } from '../version.ts';

const MEMORY = '/sys/devices/system/memory';
const HEX = 16;

/**
 * Parses the kernel's block_size_bytes, which is hexadecimal without a prefix.
 * @throws KataError (INTERNAL on the wire) where it is no such number.
 */
export function parseBlockSize(text: string): Long {
  const digits = text.trim();
  if (!/^[0-9a-f]{1,16}$/i.test(digits))
    throw new KataError('ERR_INTERNAL', `Invalid block size ${JSON.stringify(text)}`);
  return Long.fromString(digits, true, HEX);
}

/** Size of a block of memory that can be plugged in (bytes); 0 where the kernel cannot do that. */
function memoryBlockSize(): Long {
  try {
    return parseBlockSize(readFileSync(`${MEMORY}/block_size_bytes`, 'utf8'));
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return Long.UZERO;
    throw error;
  }
}

/** Makes the handler. */
export function guestDetailsHandlers() {
  return {
    GetGuestDetails: ({ mem_block_size: wantsSize, mem_hotplug_probe: wantsProbe }) => ({
      mem_block_size_bytes: wantsSize ? memoryBlockSize() : Long.UZERO,
      support_mem_hotplug_probe: wantsProbe && existsSync(`${MEMORY}/probe`),
      agent_details: {
        version: VERSION,
        init_daemon: process.pid === 1,
        device_handlers: [],
        storage_handlers: [...STORAGE_DRIVERS],
        supports_seccomp: true,
        extra_features: [],
      },
    }),
  } satisfies Partial<Handlers<'grpc.AgentService'>>;
}
