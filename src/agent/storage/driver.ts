/** What a kind of storage has to do. */
import type { grpc } from '../../wire/generated/proto.js';
import type { Logger } from '../log/logger.ts';
import type { Reaper } from '../process/reaper.ts';

/** What drivers work with. */
export interface StorageContext {
  readonly reaper: Reaper;
  readonly logger: Logger;
}

/** What a driver has done, and so what is to be undone. */
export type Prepared =
  /** Nothing that outlasts the sandbox's directory. */
  | { readonly kind: 'nothing' }
  /** Something was mounted; `persistent` where its content has to outlive those who use it. */
  | { readonly kind: 'mounted'; readonly persistent: boolean };

/** Makes storages of one kind. */
export interface StorageDriver {
  /** The name by which requests ask for it. */
  readonly name: string;
  /**
   * Makes the storage available at its mount point.
   * @throws KataError; nothing is left mounted then.
   */
  prepare(storage: grpc.Storage, context: StorageContext): Promise<Prepared>;
}
