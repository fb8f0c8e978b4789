/** What the two sides of the vsock tests agree on. */

/** Ports that the peer in the guest listens on. */
export const GuestPort = {
  /** Sends back what it gets, then ends. */
  ECHO: 5001,
  /** Reads to the end, then answers with the SHA-256 as hex. */
  DIGEST: 5002,
  /** Reads a number to the end, then sends that many bytes. */
  SOURCE: 5003,
  /** Accepts and never reads. */
  DEAF: 5004,
  /** Reads a {@link PeerOrder} as JSON to the end, carries it out, and answers with a {@link PeerResult}. */
  ORDERS: 5005,
} as const;

/** Connections that the peer shall make to the host; each sends random bytes and expects them back. */
export interface PeerOrder {
  readonly port: number;
  /** How many at a time. */
  readonly count: number;
  /** Bytes on each. */
  readonly bytes: number;
  /** Closes each after it has sent so many bytes and got some back, with the rest of the echo unread. */
  readonly cutAfterBytes?: number;
}

/** How it went. */
export interface PeerResult {
  /** Connections that got back what they sent; all of them where they were to be cut. */
  readonly same: number;
  readonly errors: readonly string[];
}
