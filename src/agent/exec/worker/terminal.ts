/** Opens a terminal of the container's own devpts: programs look theirs up by its path in there. */
import { closeSync, constants, fchownSync, fstatSync } from 'node:fs';
import { O_NOCTTY, O_PATH, openAt, openWithoutMagicLinks } from '../../../linux/open-at.ts';
import { O_CLOEXEC } from '../../../linux/pipe.ts';
import { openTerminalPeer, setTerminalSize, unlockTerminal } from '../../../linux/terminal.ts';
import { hasErrno, KataError } from '../../../wire/error.ts';
import { execError } from '../exec-error.ts';
import type { TerminalSize } from '../starter.ts';

/** Device number 5:2 as stat(2) gives it (Documentation/admin-guide/devices.txt). */
const PTMX_DEVICE = (5 << 8) | 2;
const PTMX_PATHS = ['/dev/pts/ptmx', '/dev/ptmx'] as const;
const PTMX_FLAGS = constants.O_RDWR | O_NOCTTY | O_CLOEXEC;

const KEEP_GROUP = -1;

/** Both sides of a terminal; descriptors that the caller owns. */
export interface OpenTerminal {
  readonly master: number;
  readonly peer: number;
}

/** Opens one path without a side effect on whatever lies there; undefined where it is missing. */
function locateMultiplexer(path: string): number | undefined {
  try {
    return openWithoutMagicLinks(path, O_PATH | O_CLOEXEC);
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

function openMaster(procRoot: number): number {
  for (const path of PTMX_PATHS) {
    const located = locateMultiplexer(path);
    if (located === undefined) continue;
    try {
      const { rdev } = fstatSync(located);
      if (rdev !== PTMX_DEVICE) continue;
      // The very file that was looked at, whatever its path means by now.
      return openAt(procRoot, `self/fd/${located}`, PTMX_FLAGS);
    } finally {
      closeSync(located);
    }
  }
  throw new KataError('ERR_SYSCALL', 'the container has no devpts', { errno: 'ENOENT' });
}

/**
 * Opens a terminal for a user of the container in which the thread is.
 * @param procRoot root of the agent's own /proc.
 * @throws KataError ERR_EXEC of phase `terminal`; nothing stays open then.
 */
export function openContainerTerminal(procRoot: number, size: TerminalSize, uid: number): OpenTerminal {
  const opened: number[] = [];
  try {
    const master = openMaster(procRoot);
    opened.push(master);
    unlockTerminal(master);
    const peer = openTerminalPeer(master);
    opened.push(peer);
    fchownSync(peer, uid, KEEP_GROUP);
    setTerminalSize(peer, size);
    return { master, peer };
  } catch (error) {
    for (const fd of opened) closeSync(fd);
    const { errno, message } = KataError.from(error);
    throw execError('terminal', message, errno ?? '');
  }
}
