/**
 * A thread of the launcher. Namespaces, credentials and capabilities are a thread's own in Linux, and its children are
 * born with them. Everything that it needs is loaded before it first enters a container: after that it loads nothing,
 * and calls nothing of libc that may (names of users, character sets), for that would come from the container's files
 * and run inside the agent.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { limitBoundingSet, setNoNewPrivileges } from '../../../linux/capability.ts';
import { CLONE_FS, CLONE_NEWNS, unshare } from '../../../linux/namespace.ts';
import { threadId } from '../../../linux/thread.ts';
import { type ErrorCode, KataError } from '../../../wire/error.ts';
import { ALL_NAMESPACES, inContainer } from './container-entry.ts';
import type { Job, JobResult, ThreadData, ThreadMessage } from './job.ts';
import { launch } from './launch.ts';
import { lookUpUser } from './user-files.ts';

// Reason for the cast: a worker's data is untyped; ours is made in thread.ts alone.
const thread = workerData as ThreadData;

function say(message: ThreadMessage): void {
  parentPort?.postMessage(message);
}

function work(job: Job): JobResult {
  switch (job.kind) {
    case 'user':
      return inContainer(job.target, thread.home, CLONE_NEWNS, () => ({
        kind: 'user',
        user: lookUpUser(job.user, true),
      }));
    case 'launch':
      return inContainer(job.target, thread.home, ALL_NAMESPACES, () =>
        launch(job, thread, () => say({ kind: 'spawning' })),
      );
  }
}

/** Codes of errors that answer a job. After another one the thread may be anywhere, and anyone. */
const ANSWERS: ReadonlySet<ErrorCode> = new Set(['ERR_EXEC', 'ERR_INVALID_ARGUMENT']);

function handle(job: Job): void {
  try {
    say({ kind: 'done', result: work(job) });
  } catch (error) {
    const { code, message, errno = '' } = KataError.from(error);
    say({ kind: 'done', result: { kind: 'failed', code, message, errno } });
    if (!ANSWERS.has(code)) process.exit(1);
  }
}

unshare(CLONE_FS);
limitBoundingSet(thread.kind.bounding);
if (thread.kind.noNewPrivileges) setNoNewPrivileges();
parentPort?.on('message', handle);
say({ kind: 'ready', thread: threadId() });
