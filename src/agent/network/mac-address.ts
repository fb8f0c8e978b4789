/** Hardware addresses of Ethernet as text and as bytes. */
import { Buffer } from 'node:buffer';

const MAC_BYTES = 6;

/**
 * Reads six numbers in hex with colons; the letters' case does not matter.
 * @returns undefined for other text.
 */
export function parseMac(text: string): Buffer | undefined {
  const parts = text.split(':');
  const fits = parts.length === MAC_BYTES && parts.every((part) => /^[\da-f]{1,2}$/i.test(part));
  return fits ? Buffer.from(parts.map((part) => Number.parseInt(part, 16))) : undefined;
}

/** Text of a hardware address of any length, in capital letters, as the protocol lists it. */
export function formatMac(address: Uint8Array): string {
  return [...address].map((byte) => byte.toString(16).padStart(2, '0').toUpperCase()).join(':');
}
