/** From a CopyFile request to what is to be done. */
import { constants } from 'node:fs';
import type Long from 'long';
import type { grpc } from '../../wire/generated/proto.js';
import { badField } from '../container/oci-spec/bad-field.ts';
import { SHARED } from '../sandbox/paths.ts';
import type { CopyContent, CopyJob } from './worker/job.ts';

const { S_IFMT, S_IFDIR, S_IFLNK, S_IFREG } = constants;
const MODE = 0o7777;
const DIRECTORY_MODE = 0o777;
/** The decoder's mark for bytes that are no text: which ones they were is lost. */
const NO_TEXT = '\uFFFD';

function number(field: string, value: Long): number {
  const result = value.toNumber();
  if (result < 0 || !Number.isSafeInteger(result)) throw badField(field, value.toString(), 'is out of range');
  return result;
}

function namesOf(path: string): readonly string[] {
  const prefix = `${SHARED}/`;
  if (!path.startsWith(prefix)) throw badField('path', path, `is not below ${SHARED}`);
  const names = path
    .slice(prefix.length)
    .split('/')
    .filter((name) => name !== '' && name !== '.');
  if (names.length === 0) throw badField('path', path, 'names no file');
  if (names.includes('..')) throw badField('path', path, 'has a part ".."');
  if (path.includes('\0') || path.includes(NO_TEXT)) throw badField('path', path, 'has characters that no name has');
  return names;
}

function contentOf(request: grpc.CopyFileRequest): CopyContent {
  const { file_mode: fileMode, data } = request;
  const mode = fileMode & MODE;
  const offset = number('offset', request.offset);
  switch (fileMode & S_IFMT) {
    case S_IFDIR:
      return { kind: 'directory', mode };
    case S_IFLNK:
      if (data.length === 0 || data.includes(0)) throw badField('data', data.length, 'bytes are no target of a link');
      return { kind: 'link', target: data };
    // Some clients send the permissions alone.
    case 0:
    case S_IFREG: {
      const size = number('file_size', request.file_size);
      if (offset + data.length > size) {
        throw badField('file_size', size, `is less than the ${data.length} bytes from ${offset} on`);
      }
      return { kind: 'part', mode, size, offset, data };
    }
    default:
      throw badField('file_mode', fileMode, 'is neither a file, a directory nor a link');
  }
}

/**
 * Checks a request.
 * @throws KataError (INTERNAL on the wire) naming field and value.
 */
export function copyJobOf(request: grpc.CopyFileRequest): CopyJob {
  return {
    root: SHARED,
    names: namesOf(request.path),
    // Some senders have the type in it, in bits of their own.
    directoryMode: request.dir_mode & DIRECTORY_MODE,
    // The field is signed and the number is not; the largest one leaves the owner as it is, as for chown(2).
    uid: request.uid >>> 0,
    gid: request.gid >>> 0,
    content: contentOf(request),
  };
}
