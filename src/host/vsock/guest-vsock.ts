/** What the rest of the harness knows of a guest's vsock, whoever makes it: our own device or the host's kernel. */
import type { Duplex } from 'node:stream';

/** A connection to a program in the guest. */
export type GuestStream = Duplex & {
  /** Port of the host's end, by which the guest knows the connection. */
  readonly localPort: number;
};

/** A way to connect to programs in one guest. */
export interface VsockConnector {
  /**
   * Connects to a port of the guest.
   * @param timeoutMs how long the guest may take to answer (ms), the boot of its driver included.
   * @throws KataError ERR_UNAVAILABLE with errno ECONNREFUSED where nobody listens there, ERR_DEADLINE where no answer
   *   came in time.
   */
  connect(port: number, timeoutMs: number): Promise<GuestStream>;
}

/** A way to connect to programs in one guest, and to be connected to by them. */
export interface GuestVsock extends VsockConnector {
  /**
   * Takes the connections that the guest makes to a port of the host (context id 2).
   * @returns close() stops taking new ones.
   * @throws KataError ERR_ALREADY_EXISTS where the port is taken.
   */
  listen(port: number, onConnection: (stream: Duplex) => void): { close(): void };
  /** Ends every connection and listener, and removes the sockets; resolves when nothing is left. */
  close(): Promise<void>;
}
