/**
 * The line by which a program on the host asks for a guest's vsock port over a Unix socket ("hybrid vsock"): it writes
 * `CONNECT <port>\n` and gets `OK <number>\n` once the guest has accepted, or the end of the stream where it has not.
 */

/** Longest line that is waited for, `CONNECT 4294967295\r\n` and some blanks (bytes). */
export const REQUEST_LINE_MAX_BYTES = 32;

/** Longest answer that is waited for, `OK 4294967295\n` and some blanks (bytes). */
export const RESPONSE_LINE_MAX_BYTES = 32;

const PORT_MAX = 0xffffffff;

/**
 * Reads the request, without its line end.
 * @param line any letter case is taken, as other implementations do.
 * @returns the port, or undefined where the line is none of this protocol.
 */
export function parseConnect(line: string): number | undefined {
  const digits = /^connect +(\d{1,10})\s*$/i.exec(line)?.[1];
  return digits === undefined ? undefined : portOf(digits);
}

function portOf(digits: string): number | undefined {
  const port = Number(digits);
  return port <= PORT_MAX ? port : undefined;
}

/** The request for a connection to `port` of the guest. */
export function formatConnect(port: number): string {
  return `CONNECT ${port}\n`;
}

/** Reads the answer, without its line end. @returns the port of the host's end, or undefined where it is none. */
export function parseOk(line: string): number | undefined {
  const digits = /^OK +(\d{1,10})\s*$/.exec(line)?.[1];
  return digits === undefined ? undefined : portOf(digits);
}

/** The answer to an accepted request. @param port number of the host's end of the connection. */
export function formatOk(port: number): string {
  return `OK ${port}\n`;
}

/** Name of the socket at which a host program takes connections that the guest makes to `port`. */
export function guestInitiatedPath(hybridPath: string, port: number): string {
  return `${hybridPath}_${port}`;
}
