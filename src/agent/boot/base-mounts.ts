/** The file systems that PID 1 provides. */
import { mkdirSync } from 'node:fs';
import { MS_NODEV, MS_NOEXEC, MS_NOSUID, mount } from '../../linux/mount.ts';
import { hasErrno, KataError } from '../../wire/error.ts';
import type { Logger } from '../log/logger.ts';
import { fstypeAt, type MountEntry, readMountTable } from './mount-table.ts';

interface BaseMount {
  readonly fstype: string;
  readonly source: string;
  readonly target: string;
  readonly flags: number;
  /** Whether the agent can do without it. */
  readonly optional: boolean;
}

/** In the order in which they are made; parents before children. */
const BASE_MOUNTS: readonly BaseMount[] = [
  { fstype: 'proc', source: 'proc', target: '/proc', flags: MS_NOSUID | MS_NODEV | MS_NOEXEC, optional: false },
  { fstype: 'sysfs', source: 'sysfs', target: '/sys', flags: MS_NOSUID | MS_NODEV | MS_NOEXEC, optional: false },
  // A kernel without devtmpfs leaves /dev as the image has it.
  { fstype: 'devtmpfs', source: 'dev', target: '/dev', flags: MS_NOSUID, optional: true },
  { fstype: 'tmpfs', source: 'tmpfs', target: '/dev/shm', flags: MS_NOSUID | MS_NODEV, optional: false },
  { fstype: 'devpts', source: 'devpts', target: '/dev/pts', flags: MS_NOSUID | MS_NOEXEC, optional: false },
  { fstype: 'tmpfs', source: 'tmpfs', target: '/run', flags: MS_NOSUID | MS_NODEV, optional: false },
];

/** The rows that are still to be mounted: those whose target does not show their type already. */
export function missingMounts(present: readonly MountEntry[]): readonly BaseMount[] {
  return BASE_MOUNTS.filter((row) => fstypeAt(present, row.target) !== row.fstype);
}

/** The mounts as they are now; none while /proc itself is missing. */
function presentMounts(): readonly MountEntry[] {
  try {
    return readMountTable();
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

/**
 * Makes the base mounts that are missing. What the initial root handed over is left as it is.
 * @throws KataError ERR_SYSCALL naming type and target, for a row that the agent cannot do without.
 */
export function makeBaseMounts(logger: Logger): void {
  for (const row of missingMounts(presentMounts())) {
    try {
      mkdirSync(row.target, { recursive: true });
      mount(row);
    } catch (error) {
      if (!row.optional) throw KataError.from(error);
      logger.warn({ error, target: row.target }, 'mount failed; going on without it');
    }
  }
}
