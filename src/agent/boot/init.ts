/** What only PID 1 does: making the machine fit to run containers. */
import { readFileSync, rmSync, symlinkSync } from 'node:fs';
import { setHostname } from '../../linux/hostname.ts';
import { bringLinkUp } from '../../linux/link.ts';
import { setControllingTerminal, setsid } from '../../linux/session.ts';
import { hasErrno } from '../../wire/error.ts';
import type { AgentConfig } from '../config/config.ts';
import type { Logger } from '../log/logger.ts';
import { mountCgroups } from './cgroups.ts';

const INIT_PATH = '/bin:/sbin/:/usr/bin/:/usr/sbin/';
const STDIN = 0;

/** The first word of /etc/hostname, or `localhost` where the file is absent or has none. */
export function hostnameFrom(file: string | undefined): string {
  return file?.trim().split(/\s+/)[0] || 'localhost';
}

function readHostnameFile(): string | undefined {
  try {
    return readFileSync('/etc/hostname', 'utf8');
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Runs a step whose failure the agent can live with. */
function attempt(logger: Logger, step: string, run: () => void): void {
  try {
    run();
  } catch (error) {
    logger.warn({ error }, `${step} failed; going on without it`);
  }
}

/**
 * Sets up the machine, given the base mounts and the configuration.
 * @throws KataError where a container could not run later: cgroups, /dev/ptmx, the loopback link.
 */
export function setUpMachine(config: AgentConfig, logger: Logger): void {
  mountCgroups(config.cgroupVersion, logger);
  rmSync('/dev/ptmx', { force: true });
  symlinkSync('/dev/pts/ptmx', '/dev/ptmx');
  // The console is not always a terminal, and the kernel may have made us a session leader.
  attempt(logger, 'session', () => setsid());
  attempt(logger, 'controlling terminal', () => setControllingTerminal(STDIN));
  process.env['PATH'] = INIT_PATH;
  attempt(logger, 'host name', () => setHostname(hostnameFrom(readHostnameFile())));
  bringLinkUp('lo');
}
