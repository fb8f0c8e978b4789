/**
 * Changes of a container's memory. `Swap` of the request is memory and swap together, as the limit `memsw` of version 1 is;
 * version 2 has a limit for swap alone.
 */
import type { grpc } from '../../wire/generated/proto.js';
import type { CgroupWrite } from './cgroup-write.ts';
import { badField } from './oci-spec/bad-field.ts';
import { nonZero } from './oci-spec/number.ts';
import { type Asked, change, checkLimit, notApplied, UNLIMITED, type UpdateTarget } from './update-target.ts';

const LIMIT = 'resources.Memory.Limit';
const SWAP = 'resources.Memory.Swap';
const RESERVATION = 'resources.Memory.Reservation';

/** Version 1 says "no limit" as the last page below 2^63, and a page has at most 64 KiB (bytes). */
const NO_LIMIT_V1 = 2n ** 63n - 65_536n;

/** Limits that a request asks for (bytes, or -1); undefined where it leaves one alone. */
interface Wanted {
  readonly limit: bigint | undefined;
  readonly swap: bigint | undefined;
}

/** What a file of version 2 says for a limit. */
function maxText(bytes: bigint): string {
  return bytes === UNLIMITED ? 'max' : bytes.toString();
}

/** A limit as version 2 has it now (bytes, or -1). */
function maxOf(text: string | undefined): bigint {
  const word = text?.trim() ?? 'max';
  return word === 'max' ? UNLIMITED : BigInt(word);
}

/** @throws KataError (INTERNAL on the wire) where memory and swap together are to be less than memory alone. */
function checkSwap(limit: bigint, swap: bigint): void {
  if (swap === UNLIMITED) return;
  if (limit === UNLIMITED) throw badField(SWAP, swap.toString(), 'needs a limit of memory');
  if (swap < limit) throw badField(SWAP, swap.toString(), `is less than the limit of memory, ${limit}`);
}

function asked(field: string, value: bigint): Asked {
  return { field, given: value.toString() };
}

function planV2(target: UpdateTarget, { limit, swap }: Wanted): readonly CgroupWrite[] {
  const writes: CgroupWrite[] = [];
  if (limit !== undefined) writes.push(...change(target, asked(LIMIT, limit), 'memory.max', maxText(limit)));
  if (swap === undefined) return writes;
  const memory = limit ?? maxOf(target.files.read('memory.max'));
  checkSwap(memory, swap);
  const alone = swap === UNLIMITED ? UNLIMITED : swap - memory;
  return [...writes, ...change(target, asked(SWAP, swap), 'memory.swap.max', maxText(alone))];
}

/**
 * At every moment `memsw` must not be less than the other. Where memory is to be raised above it and the request says
 * nothing of swap, the container keeps as much swap as it had.
 */
function planV1(target: UpdateTarget, { limit, swap }: Wanted): readonly CgroupWrite[] {
  const limitNow = BigInt(target.files.read('memory.limit_in_bytes')?.trim() ?? 0);
  const swapText = target.files.read('memory.memsw.limit_in_bytes')?.trim();
  if (swap !== undefined) checkSwap(limit ?? (limitNow >= NO_LIMIT_V1 ? UNLIMITED : limitNow), swap);
  const limits = limit === undefined ? [] : change(target, asked(LIMIT, limit), 'memory.limit_in_bytes', `${limit}`);
  if (swapText === undefined) {
    if (swap !== undefined) notApplied(target, SWAP, 'the guest does not count swap');
    return limits;
  }
  const swapNow = BigInt(swapText);
  const isAbove = limit !== undefined && (limit === UNLIMITED || limit > swapNow);
  const both = swap ?? (isAbove ? keptSwap(limit, swapNow - limitNow) : undefined);
  if (both === undefined) return limits;
  const because = swap === undefined ? asked(LIMIT, limit ?? 0n) : asked(SWAP, swap);
  const swaps = change(target, because, 'memory.memsw.limit_in_bytes', `${both}`);
  return isAbove ? [...swaps, ...limits] : [...limits, ...swaps];
}

function keptSwap(limit: bigint, swapAlone: bigint): bigint {
  return limit === UNLIMITED ? UNLIMITED : limit + swapAlone;
}

/**
 * What a change of the memory's part comes to. Zero leaves a value alone, -1 takes a limit away.
 * @throws KataError (INTERNAL on the wire) naming field and value.
 */
export function planMemory(target: UpdateTarget, memory: grpc.LinuxMemory): readonly CgroupWrite[] {
  const wanted: Wanted = { limit: nonZero(memory.Limit), swap: nonZero(memory.Swap) };
  const reservation = nonZero(memory.Reservation);
  checkLimit(LIMIT, wanted.limit);
  checkLimit(SWAP, wanted.swap);
  checkLimit(RESERVATION, reservation);
  const atCreation = { Kernel: memory.Kernel, KernelTCP: memory.KernelTCP, Swappiness: memory.Swappiness };
  for (const [name, value] of Object.entries(atCreation)) {
    if (!value.isZero()) notApplied(target, `resources.Memory.${name}`, 'it is set when the container is made');
  }
  const isV1 = target.files.path('memory.limit_in_bytes') !== undefined;
  const limits = isV1 ? planV1(target, wanted) : planV2(target, wanted);
  if (reservation === undefined) return limits;
  const [file, text] = isV1 ? ['memory.soft_limit_in_bytes', `${reservation}`] : ['memory.low', maxText(reservation)];
  return [...limits, ...change(target, asked(RESERVATION, reservation), file, text)];
}
