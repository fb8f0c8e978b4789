/** What crun says when it fails, in the words that callers of the agent know. */

const NOT_FOUND = /^executable file `(.*)` not found in \$PATH/;
const CANNOT_OPEN = /^open executable: (.*)$/;
const CANNOT_MAKE = /^cannot mkdir `(.*)`: Read-only file system$/;

/**
 * The reason why a container could not be made.
 * @param log what crun wrote to its log; the reason is the last line.
 * @param program the program that the container was to run.
 */
export function crunFailure(log: string, program: string): string {
  const line = log.trim().split('\n').at(-1)?.trim() ?? '';
  const missing = NOT_FOUND.exec(line)?.[1];
  if (missing !== undefined) return `the file ${missing} was not found`;
  const refusal = CANNOT_OPEN.exec(line)?.[1];
  if (refusal !== undefined) return `the file ${program} cannot be executed: ${refusal}`;
  const absent = CANNOT_MAKE.exec(line)?.[1];
  if (absent !== undefined) {
    // Mostly the host's own mounts are private: the share has the directory of the root, and nothing in it.
    return `the container's root is read-only and has no ${absent}; if it is empty, the host's mounts do not reach the share ("mount --make-rshared /" on the host)`;
  }
  return line === '' ? 'crun gave no reason' : `crun: ${line}`;
}
