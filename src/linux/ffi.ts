/**
 * The only file that imports `node:ffi`. Everything that reaches libc goes through {@link libc}, so a change of that
 * experimental interface is a change of this file.
 */
import ffi from 'node:ffi';

/** Argument types that we use. `buffer` passes the address of a Buffer's first byte; `pointer` takes a bigint. */
type NativeArgument = 'int32' | 'uint32' | 'int64' | 'uint64' | 'int16' | 'uint16' | 'pointer' | 'buffer' | 'string';
/** Return types that we use. */
type NativeReturn = 'int32' | 'uint32' | 'int64' | 'uint64' | 'pointer' | 'void';

/** Arguments and return type of one C function. */
export interface Signature {
  readonly arguments: readonly NativeArgument[];
  readonly return: NativeReturn;
}

type ArgumentValue<T> = T extends 'int64' | 'uint64'
  ? bigint
  : T extends 'pointer'
    ? bigint | null
    : T extends 'buffer'
      ? Uint8Array | null
      : T extends 'string'
        ? string
        : number;
type ReturnValue<T> = T extends 'int64' | 'uint64' | 'pointer' ? bigint : T extends 'void' ? undefined : number;
type ArgumentValues<T extends readonly NativeArgument[]> = { -readonly [K in keyof T]: ArgumentValue<T[K]> };

/** The callable forms of a table of signatures. */
export type NativeFunctions<T extends Record<string, Signature>> = {
  readonly [K in keyof T]: (...args: ArgumentValues<T[K]['arguments']>) => ReturnValue<T[K]['return']>;
};

const LIBC = 'libc.so.6';

/**
 * Resolves functions of libc.
 * @param signatures C name -> signature. node:ffi takes a misspelt type name for "none" without a word, which is why
 *   the types above are closed.
 * @throws when libc has no such symbol.
 */
export function libc<const T extends Record<string, Signature>>(signatures: T): NativeFunctions<T> {
  // Reason for the cast: node:ffi types its functions from the same literals, but admits more shapes per argument.
  return ffi.dlopen(LIBC, signatures as never).functions as unknown as NativeFunctions<T>;
}

// SAFETY: no arguments; returns the calling thread's errno cell, valid for the life of the thread.
const { __errno_location } = libc({ __errno_location: { arguments: [], return: 'pointer' } });

/** The calling thread's errno, as the last failing call left it. Read it before anything else is called. */
export function errno(): number {
  // SAFETY: the address is this thread's own errno cell, four bytes.
  return ffi.getInt32(__errno_location(), 0);
}

/**
 * Address of the first byte of `bytes`. The caller keeps `bytes` reachable while native code may use the address:
 * the garbage collector does not know of it.
 */
export function addressOf(bytes: Uint8Array): bigint {
  // SAFETY: only computes an address; an empty view may give any value and must not be dereferenced.
  return ffi.getRawPointer(bytes);
}

/**
 * Sees `length` bytes of native memory at `address` without a copy. The view stays usable until the memory is
 * unmapped; touching it after that ends the process, so its owner drops every view before it unmaps.
 */
export function viewMemory(address: bigint, length: number): ArrayBuffer {
  // SAFETY: the caller owns the mapping [address, address + length).
  return ffi.toArrayBuffer(address, length, false);
}
