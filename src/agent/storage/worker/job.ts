/** What the thread for files is asked to do, and what it answers. */
import type { ErrorCode, GrpcStatus } from '../../../wire/error.ts';

/** What a copied file is. */
export type CopyContent =
  /** `mode` has the permission bits alone. */
  | { readonly kind: 'directory'; readonly mode: number }
  | { readonly kind: 'link'; readonly target: Uint8Array }
  /** A part of a file; it appears when `size` bytes of it are there. */
  | {
      readonly kind: 'part';
      readonly mode: number;
      readonly size: number;
      readonly offset: number;
      readonly data: Uint8Array;
    };

/** Puts a file of the host into the guest. */
export interface CopyJob {
  /** Nothing outside of it is touched. */
  readonly root: string;
  /** Names that lead from there to the file; at least one, none of them `.`, `..` or empty. */
  readonly names: readonly string[];
  /** Of directories that are missing on the way. */
  readonly directoryMode: number;
  readonly uid: number;
  readonly gid: number;
  readonly content: CopyContent;
}

/** Gives all of a volume to a group. */
export interface FsGroupJob {
  readonly path: string;
  readonly gid: number;
  /** The group may read only. */
  readonly readOnly: boolean;
  /** Leaves a volume alone whose root is right already. */
  readonly onlyOnMismatch: boolean;
}

/** Makes one tree like another. */
export interface MirrorJob {
  readonly source: string;
  /** Directory of the copy. */
  readonly root: string;
  /** The copy's name in there. */
  readonly name: string;
}

/** Removes a copy. */
export type RemoveJob = Pick<MirrorJob, 'root' | 'name'>;

/** The jobs. */
export interface FileJobs {
  readonly copy: (job: CopyJob) => void;
  /** @returns whether the file system can be written to. */
  readonly fsGroup: (job: FsGroupJob) => boolean;
  /** @returns false where the source is more than is mirrored; the copy is left as it is then. */
  readonly mirror: (job: MirrorJob) => boolean;
  readonly remove: (job: RemoveJob) => void;
}

/** One job of a thread; it gets one at a time. */
export type FileRequest = {
  readonly [Kind in keyof FileJobs]: { readonly kind: Kind; readonly job: Parameters<FileJobs[Kind]>[0] };
}[keyof FileJobs];

/** Its answer. */
export type FileAnswer =
  | { readonly kind: 'done'; readonly result: unknown }
  /** The parts of the error; `errno` is a name, or empty. */
  | {
      readonly kind: 'failed';
      readonly code: ErrorCode;
      readonly message: string;
      readonly errno: string;
      readonly status: GrpcStatus;
    };
