/** Why a process could not be started in its container, in the words that callers of the agent know. */
import { KataError } from '../../wire/error.ts';

/** What was being done for the process when it failed. */
export type ExecPhase = 'user' | 'cwd' | 'capability' | 'cgroup' | 'terminal' | 'exec' | 'setup';

function sentence(phase: ExecPhase, subject: string, errno: string): string {
  switch (phase) {
    case 'user':
      if (errno === '') return `the user ${subject} is unknown`;
      return `the user ${subject} cannot be looked up`;
    case 'cwd':
      if (errno === 'ENOENT') return `the working directory ${subject} was not found`;
      return `the working directory ${subject} cannot be used`;
    case 'exec':
      if (errno === 'ENOENT') return `the file ${subject} was not found`;
      return `the file ${subject} cannot be executed`;
    case 'capability':
    case 'cgroup':
    case 'terminal':
    case 'setup':
      return `the process cannot be started: ${subject}`;
  }
}

/**
 * The error of a process that could not be started.
 * @param subject what it is about: the user, directory or program as the request names it; else the step.
 * @param errno name of what the system call answered, such as `ENOENT`; empty where none did.
 */
export function execError(phase: ExecPhase, subject: string, errno: string): KataError {
  const reason = errno === '' ? phase : `${phase}, ${errno}`;
  return new KataError('ERR_EXEC', `${sentence(phase, subject, errno)} (${reason})`, errno === '' ? {} : { errno });
}
