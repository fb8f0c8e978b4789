/** 64-bit fields of the protocol as exact integers. */
import type Long from 'long';

/** The exact value. */
export function exact(value: Long): bigint {
  return BigInt(value.toString());
}

/** The exact value; undefined for zero, which means "not set" in proto3. */
export function nonZero(value: Long): bigint | undefined {
  return value.isZero() ? undefined : exact(value);
}

/** A 32-bit field; undefined for zero, which means "not set" in proto3. */
export function nonZero32(value: number): number | undefined {
  return value === 0 ? undefined : value;
}

/** A string field; undefined where it is empty, which means "not set" in proto3. */
export function nonEmpty(value: string): string | undefined {
  return value === '' ? undefined : value;
}
