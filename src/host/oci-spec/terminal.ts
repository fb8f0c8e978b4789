/** Terminals of processes, as the agent is told of them. */

/** Size of a terminal, in characters. */
export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** The fields of an OCI process that tell of its terminal; none where it has none. */
export function terminalFields(terminal: TerminalSize | undefined): {
  readonly Terminal?: true;
  readonly ConsoleSize?: { readonly Height: number; readonly Width: number };
} {
  if (terminal === undefined) return {};
  return { Terminal: true, ConsoleSize: { Height: terminal.rows, Width: terminal.columns } };
}
