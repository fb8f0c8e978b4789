/** What a connection has to do with: its states, the host's end, and what carries its packets. */
import type { KataError } from '../../wire/error.ts';

/**
 * - `requesting`: we asked; `isSent` once the REQUEST is in the guest's queue.
 * - `offered`: the guest asked; the host's end has not decided.
 * - `open`: accepted; the flags say what each side has shut down. Half-closed is a state of the flags.
 * - `closing`: our full SHUTDOWN is on its way; only the guest's RST is waited for.
 * - `closed`: forgotten; nothing is sent or received.
 */
export type ConnectionState =
  | { readonly kind: 'requesting'; readonly isSent: boolean }
  | { readonly kind: 'offered' }
  | { readonly kind: 'open'; readonly guestFlags: number; readonly hostFlags: number }
  | { readonly kind: 'closing'; readonly guestFlags: number }
  | { readonly kind: 'closed' };

/** The host's end of a connection. */
export interface HostEnd {
  /** The guest has accepted. */
  guestOpened(): void;
  /** Bytes arrived. */
  guestData(chunk: Uint8Array): void;
  /** The guest sends no more; told once, after the last guestData(). */
  guestEnded(): void;
  /** The connection is over; an error where it did not end as both sides wanted. Told once. */
  connectionOver(error: KataError | undefined): void;
}

/** What carries the packets of one connection. */
export interface Carrier {
  /** The connection has something to send. */
  ready(): void;
  /** The connection is over. @param sendReset whether the guest must be told by an RST. */
  finished(sendReset: boolean): void;
  /** Calls `action` after `ms` unless the returned function is called before. */
  schedule(ms: number, action: () => void): () => void;
}

/** A packet to be sent: the header's own part, and the payload in pieces. */
export interface Outgoing {
  readonly op: number;
  readonly flags: number;
  readonly payload: readonly Uint8Array[];
  readonly length: number;
  /** To be called when the payload has been copied into the guest. */
  readonly sent?: () => void;
}
