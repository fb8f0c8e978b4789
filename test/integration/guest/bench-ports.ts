/** Ports on which the peer of the benches listens in the guest. */
export const BenchPort = {
  /** Reads lines of arguments, runs each, and answers with its time. */
  RUN: 5101,
  /** Reads a number, then sends that many bytes. */
  SOURCE: 5102,
  /** Reads to the end, then answers with the number of bytes. */
  SINK: 5103,
  /** Is joined with the TCP port of that number. */
  TCP: 5104,
  /** The QEMU guest agent listens here by itself. */
  QEMU_GUEST_AGENT: 5105,
  /** Each connection is the standard input and output of a program of its own, see {@link streamProgram}. */
  PROGRAM_OUT: 5106,
  PROGRAM_IN: 5107,
  /** As these two, with a pipe and a program that copies between the connection and the program. */
  PUMP_OUT: 5108,
  PUMP_IN: 5109,
} as const;

/** What the programs of the bench of streams move. */
export const STREAM_MIB = 256;

const CONSUME = 'busybox dd of=/dev/null bs=256k';
const COPY = 'busybox dd bs=256k';

/**
 * A script that prints so many MiB, or reads to the end. One that reads says `r` when it is ready, and `d` when it is done.
 * @param pumped puts a pipe between it and its standard input or output, and a plain loop of read(2) and write(2).
 */
export function streamProgram(direction: 'out' | 'in', pumped: boolean, mib = STREAM_MIB): string {
  const produce = `busybox dd if=/dev/zero bs=256k count=${mib * 4}`;
  if (direction === 'out') return `exec 2>/dev/null; ${pumped ? `${produce} | ${COPY}` : `exec ${produce}`}`;
  return `exec 2>/dev/null; echo r; ${pumped ? `${COPY} | ${CONSUME}` : CONSUME}; echo d`;
}
