/** Sizes and times of the vsock device. Each says what it is traded against. */

/** Receive buffer of one connection on the host's side (bytes): what a guest may send before the reader takes any. */
export const CONNECTION_BUFFER_BYTES = 256 * 1024;

/** Connections at a time, both directions together: with the buffer above it bounds what a hostile guest can make us hold. */
export const CONNECTIONS_MAX = 1024;

/**
 * Resets that wait for a place in the guest's receive queue. Above this the transmit queue rests: a guest that asks for
 * resets must also take them. An honest guest has at most one outstanding per packet in its queue (128 in QEMU). Must be
 * above CHAINS_PER_TURN.
 */
export const PENDING_RESETS_MAX = 1024;

/** How long a guest-initiated connection may wait for the host's end to accept (ms); Linux gives up after 2 s itself. */
export const ACCEPT_TIMEOUT_MS = 2000;

/** How long the guest may take to confirm a full shutdown by a reset (ms); then we send the reset. */
export const KILL_TIMEOUT_MS = 2000;

/** How long a connection asked for by the hybrid socket may take (ms). */
export const HYBRID_CONNECT_TIMEOUT_MS = 2000;

/** The same for one of several tries (ms): a boot may last many of them, and one that was lost must not cost much. */
export const HYBRID_TRY_TIMEOUT_MS = 1000;

/** Pause between two tries (ms); a refused one costs microseconds, and a longer pause would show in every start. */
export const HYBRID_RETRY_INTERVAL_MS = 10;

/** How long a client of the hybrid socket may take to send its request line (ms). */
export const HYBRID_REQUEST_TIMEOUT_MS = 10_000;

/**
 * What one connection may send to the guest before the next one gets its turn (bytes): small enough for fairness, large
 * enough that a stream fills several of the guest's 4 KiB buffers in a row.
 */
export const QUANTUM_BYTES = 32 * 1024;

/**
 * Descriptor chains served in one go, per direction. A guest on another core can refill its queues as fast as we empty
 * them; the rest of the host program gets its turn after this many.
 */
export const CHAINS_PER_TURN = 256;

/** Entries that a queue may have; QEMU makes 128. The limit is that of virtio 1.2 (2.7) for split queues, less is usual. */
export const QUEUE_SIZE_MAX = 1024;

/** Bytes that one descriptor chain may describe: a header and 64 KiB are needed, no driver has a use for this much. */
export const CHAIN_BYTES_MAX = 1024 * 1024;

/** Memory regions that QEMU may add; what it uses for memory hot-plug. */
export const MEMORY_REGIONS_MAX = 64;

/** Longest body of a vhost-user message (bytes): the largest that we take, a table of 8 regions, has 264. */
export const MESSAGE_BODY_MAX_BYTES = 4096;

/** First port of the host's end of connections that the host makes: above what programs choose for themselves. */
export const FIRST_LOCAL_PORT = 0x40000000;
