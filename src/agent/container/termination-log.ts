/** What a container's program says of its end: a file of Kubernetes, such as /dev/termination-log. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { hasErrno, KataError } from '../../wire/error.ts';
import type { grpc } from '../../wire/generated/proto.js';

/** Where Kubernetes says at which path of the container the file is. */
const ANNOTATION = 'io.kubernetes.container.terminationMessagePath';
/** What Kubernetes keeps of it (bytes). */
const MAX_BYTES = 4096;

/** The file as the guest sees it; undefined where the specification names none, or mounts nothing there. */
export function terminationLogOf(spec: grpc.Spec): string | undefined {
  const path = spec.Annotations[ANNOTATION];
  if (path === undefined || path === '') return undefined;
  const source = spec.Mounts.find(({ destination }) => destination === path)?.source;
  return source === '' ? undefined : source;
}

/**
 * The beginning of the file, as text; empty where there is none. Bytes that are no UTF-8 become U+FFFD.
 * @throws KataError ERR_SYSCALL.
 */
export async function readTerminationLog(path: string): Promise<string> {
  try {
    // A pipe would have no writer.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    try {
      if (!(await file.stat()).isFile()) return '';
      const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_BYTES), 0, MAX_BYTES, 0);
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return '';
    throw KataError.from(error);
  }
}
