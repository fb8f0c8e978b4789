/** A terminal of a test's own, both sides. */
import { closeSync, constants, openSync } from 'node:fs';
import { openTerminalPeer, unlockTerminal } from '../../../src/linux/terminal.ts';

/** Descriptors of a terminal. */
export interface PtyPair {
  readonly master: number;
  readonly peer: number;
  close(): void;
}

/** Opens a new terminal; it controls nobody. */
export function openPty(): PtyPair {
  const master = openSync('/dev/ptmx', constants.O_RDWR | constants.O_NOCTTY);
  unlockTerminal(master);
  const peer = openTerminalPeer(master);
  const close = (): void => {
    closeSync(peer);
    closeSync(master);
  };
  return { master, peer, close };
}
