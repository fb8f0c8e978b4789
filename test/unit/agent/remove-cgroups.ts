/** Takes back what a test's agent, which was killed, or whose test was, could not remove. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

/** The machine may have version 2 elsewhere, or not mounted at all; what has not gone after a while shows in an error. */
const REMOVE = `
mount --make-rprivate /
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for each in /sys/fs/cgroup/"$1"*; do
  [ -d "$each" ] || continue
  [ ! -e "$each/cgroup.freeze" ] || echo 0 >"$each/cgroup.freeze"
  echo 1 >"$each/cgroup.kill"
  left=200
  while ! find "$each" -depth -type d -exec rmdir {} + 2>/dev/null; do
    left=$((left - 1))
    [ $left -gt 0 ] || { echo "processes stay in $each" >&2; exit 1; }
    sleep 0.05
  done
done`;

/** Waits for the end of its input, which the end of the test is too. A process of that number that is another's stays. */
const GUARD = `
cat >/dev/null
if grep -qs "$3" "/proc/$2/environ"; then kill -9 "$2"; fi
${REMOVE}
rm -rf "$3"`;

const inNamespace = (script: string, ...args: string[]): string[] => ['-m', 'sh', '-ec', script, 'sh', ...args];

/** Kills all in the cgroups whose names begin so, and removes them. @throws Error where that fails. */
export function removeCgroups(prefix: string): void {
  const { status, stderr } = spawnSync('unshare', inNamespace(REMOVE, prefix), { encoding: 'utf8' });
  if (status !== 0) throw new Error(`cgroups ${prefix}*: ${stderr}`);
}

/**
 * Sees that nothing stays of an agent, even where the test is killed.
 * @param prefix of its cgroups.
 * @param directory that is its own, and is named in its environment.
 * @returns kills it, and takes its cgroups and directory back.
 */
export function guardAgent(pid: number, prefix: string, directory: string): () => Promise<void> {
  const args = inNamespace(GUARD, prefix, `${pid}`, directory);
  // In a session of its own: what ends the test does not end it.
  const guard = spawn('unshare', args, { detached: true, stdio: ['pipe', 'ignore', 'pipe'] });
  return async () => {
    guard.stdin.end();
    const [complaint, [status]] = await Promise.all([text(guard.stderr), once(guard, 'exit')]);
    if (status !== 0) throw new Error(`the guard of ${directory} ended with ${status}: ${complaint}`);
  };
}
