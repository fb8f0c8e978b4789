/** What a kind of storage has to do. */
import type { grpc } from '../../wire/generated/proto.js';
import type { BlockDevices, DeviceContext } from '../device/block-devices.ts';
import type { FileThread } from './file-thread.ts';
import type { Mirrors } from './mirrors.ts';

/** What the agent has for storages. */
export interface StorageRuntime extends DeviceContext {
  readonly files: FileThread;
}

/** What drivers work with. */
export interface StorageContext extends StorageRuntime {
  readonly disks: BlockDevices;
  readonly mirrors: Mirrors;
  /** The container for which the storage is made; undefined where it is the sandbox's. */
  readonly containerId: string | undefined;
}

/** What a driver has done, and so what is to be undone. */
export type Prepared =
  /** Nothing that outlasts the sandbox's directory. */
  | { readonly kind: 'nothing' }
  /** Something was mounted; `persistent` where its content has to outlive those who use it. */
  | { readonly kind: 'mounted'; readonly persistent: boolean }
  /** A copy is kept up to date at the mount point. */
  | { readonly kind: 'mirrored' };

/** Makes storages of one kind. */
export interface StorageDriver {
  /** The name by which requests ask for it. */
  readonly name: string;
  /** Whether it mounts what the request names as its source, with the request's file system type. */
  readonly mounts: boolean;
  /**
   * Makes the storage available at its mount point.
   * @throws KataError; nothing is left mounted then.
   */
  prepare(storage: grpc.Storage, context: StorageContext): Promise<Prepared>;
}
