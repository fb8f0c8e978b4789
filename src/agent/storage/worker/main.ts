/**
 * The thread for files. A look at a file of a share or a disk can take for ever: it does on this thread, and the agent
 * goes on without it.
 */
import { parentPort } from 'node:worker_threads';
import { KataError } from '../../../wire/error.ts';
import { copy } from './copy.ts';
import { fsGroup } from './fs-group.ts';
import type { FileAnswer, FileRequest } from './job.ts';
import { mirror, removeMirror } from './mirror.ts';

function work(request: FileRequest): unknown {
  switch (request.kind) {
    case 'copy':
      return copy(request.job);
    case 'fsGroup':
      return fsGroup(request.job);
    case 'mirror':
      return mirror(request.job);
    case 'remove':
      return removeMirror(request.job);
  }
}

function answer(request: FileRequest): FileAnswer {
  try {
    return { kind: 'done', result: work(request) };
  } catch (error) {
    const { code, message, errno = '', status } = KataError.from(error);
    return { kind: 'failed', code, message, errno, status };
  }
}

parentPort?.on('message', (request: FileRequest) => parentPort?.postMessage(answer(request)));
