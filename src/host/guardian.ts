/**
 * The guardian of a sandbox: a small shell process that outlives the harness and cleans up after it.
 *
 * It holds a pipe from the harness and waits for its end, which comes in whatever way the harness goes: an exit, a
 * crash, SIGKILL. Then it kills QEMU and virtiofsd, unmounts what the sandbox mounted, and removes its directories.
 * A normal stop takes the same road, by closing the pipe, so there is one clean-up and it is always exercised.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { KataError } from '../wire/error.ts';
import { runProgram } from './program.ts';
import { type StateDirectory, staleStateDirectories } from './state/state-dir.ts';

/** Killing and unmounting takes milliseconds; a disk that is slow to forget a large tree takes seconds. */
const CLEANUP_TIMEOUT_MS = 30_000;
/** How long a sweep lets the guardian of a dead harness finish by itself. */
const FOREIGN_GUARDIAN_TIMEOUT_MS = 5_000;
const POLL_INTERVAL_MS = 20;
const SCRIPT_FILE = 'guardian.sh';
/** Paths of sockets that lie in directories of others and shall go too, one a line. */
export const FOREIGN_SOCKETS_FILE = 'sockets';

/**
 * Arguments: state directory, share directory, which is the state directory again where there is no share. Both are made
 * of checked names, so no path has a blank. Sockets outside of them are listed in a file, one path a line.
 *
 * A recorded pid is the leader of a process group of its own. It is trusted only while its command line names one of
 * the two directories, or is empty (a zombie, whose group may still live), or is gone: a group's number is not given to
 * a new process as long as the group has a member.
 *
 * virtiofsd 7.2 keeps a lock named after its socket outside of our directories when it makes the socket itself; we
 * hand it the socket, so there is none.
 */
const SCRIPT = `
set -u
state=$1 share=$2
trap '' INT HUP TERM PIPE
while read -r _; do :; done

for name in qemu virtiofsd; do
  pid=
  [ -r "$state/$name.pid" ] && read -r pid < "$state/$name.pid"
  case $pid in ''|*[!0-9]*) continue ;; esac
  command=$(tr '\\0' ' ' 2>/dev/null < "/proc/$pid/cmdline") 2>/dev/null
  case $command in ''|*"$state/"*|*"$share/"*) kill -KILL "-$pid" 2>/dev/null ;; esac
done

mounts() {
  found=
  while read -r _ _ _ _ point _; do
    case $point in "$share"|"$share"/*|"$state"|"$state"/*) found="$point $found" ;; esac
  done < /proc/self/mountinfo
}
pass=0
mounts
while [ -n "$found" ] && [ $pass -lt 10 ]; do
  for point in $found; do umount "$point" 2>/dev/null || umount -l "$point" 2>/dev/null; done
  pass=$((pass + 1))
  mounts
done
if [ -n "$found" ]; then
  echo "still mounted: $found" >&2
  exit 1
fi
if [ -r "$state/${FOREIGN_SOCKETS_FILE}" ]; then
  while read -r path; do
    [ -S "$path" ] && rm -f -- "$path"
  done < "$state/${FOREIGN_SOCKETS_FILE}"
fi
rm -rf --one-file-system -- "$share" "$state"
`;

/** Handle on the guardian of a sandbox of this process. */
export class Guardian {
  readonly #child: ChildProcess;
  readonly #gone: Promise<{ code: number | null; stderr: string }>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#gone = new Promise((resolve) => {
      let stderr = '';
      child.stderr?.on('data', (chunk: Buffer) => {
        stderr += chunk.toString('utf8');
      });
      child.on('close', (code) => resolve({ code, stderr }));
      child.on('error', (error) => resolve({ code: null, stderr: error.message }));
    });
  }

  /**
   * Starts the guardian, in a session of its own so that no Ctrl-C of a terminal reaches it.
   * @param shareDirectory has mounts below it; without one there is no share.
   */
  static start(state: StateDirectory, shareDirectory: string = state.path): Guardian {
    const child = spawn('/bin/sh', scriptArguments(state, shareDirectory), {
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    if (child.pid === undefined) throw new KataError('ERR_HOST', 'cannot start /bin/sh');
    state.recordPid('guardian', child.pid);
    return new Guardian(child);
  }

  /**
   * Has the guardian clean up, and waits for it.
   * @throws KataError ERR_HOST where something could not be removed.
   */
  async release(): Promise<void> {
    this.#child.stdin?.destroy();
    await finish(this.#gone);
  }
}

/** Writes the script into the state directory, where `ps` shows what it belongs to. */
function scriptArguments(state: StateDirectory, shareDirectory: string): string[] {
  const script = state.file(SCRIPT_FILE);
  writeFileSync(script, SCRIPT);
  return [script, state.path, shareDirectory];
}

async function finish(gone: Promise<{ code: number | null; stderr: string }>): Promise<void> {
  const limit = new AbortController();
  const late = delay(CLEANUP_TIMEOUT_MS, { code: null, stderr: 'it takes too long' }, { signal: limit.signal });
  late.catch(() => {});
  const { code, stderr } = await Promise.race([gone, late]);
  limit.abort();
  if (code !== 0) throw new KataError('ERR_HOST', `clean-up of the sandbox failed: ${stderr.trim()}`);
}

/**
 * Cleans up after sandboxes whose harness has died together with its guardian.
 * @param shareDirectoryOf share directory of a sandbox, by its id; without one there are no shares.
 * @returns the ids that were cleaned up.
 */
export async function sweepStale(runRoot: string, shareDirectoryOf?: (id: string) => string): Promise<string[]> {
  const swept: string[] = [];
  for (const state of staleStateDirectories(runRoot)) {
    await letGuardianFinish(state);
    // The name may have been taken again meanwhile, by a harness that lives.
    if (!staleStateDirectories(runRoot).some(({ id }) => id === state.id)) continue;
    // Without input the script goes to work at once.
    const argv = ['/bin/sh', ...scriptArguments(state, shareDirectoryOf?.(state.id) ?? state.path)];
    await runProgram(argv, { timeoutMs: CLEANUP_TIMEOUT_MS });
    swept.push(state.id);
  }
  return swept;
}

async function letGuardianFinish(state: StateDirectory): Promise<void> {
  const pid = state.pid('guardian');
  if (pid === undefined) return;
  for (let waited = 0; waited < FOREIGN_GUARDIAN_TIMEOUT_MS && isGuardian(pid, state); waited += POLL_INTERVAL_MS) {
    await delay(POLL_INTERVAL_MS);
  }
}

function isGuardian(pid: number, state: StateDirectory): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(state.file(SCRIPT_FILE));
  } catch {
    return false;
  }
}
