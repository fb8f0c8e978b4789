/** Why crun could not start a process, in the words that callers of the agent know. */
import type { KataError } from '../../wire/error.ts';
import { execError } from './exec-error.ts';
import type { ExecPlan } from './starter.ts';

const NOT_FOUND = /^executable file `(.*)` not found in \$PATH/;
const CANNOT_OPEN = /^open executable: (.*)$/;
const CANNOT_EXECUTE = /^exec: (.*)$/;
const CANNOT_ENTER = /^chdir `.*`: (.*)$/;
const CANNOT_JOIN = /cgroup\.procs/;

/** What strerror(3) says; the errors that an execve(2) or a chdir(2) can have. */
const ERRNO_OF_TEXT: ReadonlyMap<string, string> = new Map([
  ['Argument list too long', 'E2BIG'],
  ['Bad address', 'EFAULT'],
  ['Cannot allocate memory', 'ENOMEM'],
  ['Exec format error', 'ENOEXEC'],
  ['File name too long', 'ENAMETOOLONG'],
  ['Input/output error', 'EIO'],
  ['Invalid argument', 'EINVAL'],
  ['Is a directory', 'EISDIR'],
  ['No such file or directory', 'ENOENT'],
  ['Not a directory', 'ENOTDIR'],
  ['Operation not permitted', 'EPERM'],
  ['Permission denied', 'EACCES'],
  ['Resource temporarily unavailable', 'EAGAIN'],
  ['Text file busy', 'ETXTBSY'],
  ['Too many levels of symbolic links', 'ELOOP'],
]);

/**
 * The error of a process that crun could not start.
 * @param log what crun wrote to its log; the reason is the last line.
 */
export function crunExecError(log: string, plan: Pick<ExecPlan, 'args' | 'cwd'>): KataError {
  const line = log.trim().split('\n').at(-1)?.trim() ?? '';
  const program = plan.args[0] ?? '';
  const textOf = (pattern: RegExp): string | undefined => pattern.exec(line)?.[1];
  const errno = (text: string): string => ERRNO_OF_TEXT.get(text) ?? '';
  const missing = textOf(NOT_FOUND);
  if (missing !== undefined) return execError('exec', missing, 'ENOENT');
  const refused = textOf(CANNOT_OPEN);
  // What crun says of a directory, for which the kernel has EACCES.
  if (refused !== undefined) return execError('exec', program, errno(refused).replace('EPERM', 'EACCES'));
  const failed = textOf(CANNOT_EXECUTE);
  if (failed !== undefined) return execError('exec', program, errno(failed));
  const outside = textOf(CANNOT_ENTER);
  if (outside !== undefined) return execError('cwd', plan.cwd, errno(outside));
  const reason = line === '' ? 'crun gave no reason' : `crun: ${line}`;
  return execError(CANNOT_JOIN.test(line) ? 'cgroup' : 'setup', reason, '');
}
