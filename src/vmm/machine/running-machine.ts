/** What the rest of kata-vmm knows of a machine that runs. */
import type { VmConfig } from '../config/vm-config.ts';
import type { PlacedDevice } from './device-table.ts';

/** A machine to start. */
export interface MachineSpec {
  readonly config: VmConfig;
  readonly devices: readonly PlacedDevice[];
  /** How much memory may be added (bytes). */
  readonly hotplugBytes: number;
}

/** How a machine ended; `why` is for the log, with the last words of the guest and of QEMU. */
export type MachineEnd =
  /** The guest powered itself off, or reset. */
  | { readonly is: 'powered-off'; readonly why: string }
  /** Something broke. */
  | { readonly is: 'lost'; readonly why: string };

/** A machine that runs. */
export interface RunningMachine {
  /** Resolves when it ends by itself. */
  readonly ended: Promise<MachineEnd>;
  /**
   * Has QEMU carry out a command, once it listens.
   * @param fds descriptors that go with the command; they stay the caller's.
   * @throws KataError ERR_COMMAND with QEMU's description, ERR_UNAVAILABLE, ERR_DEADLINE.
   */
  execute(command: string, args?: Readonly<Record<string, unknown>>, fds?: readonly number[]): Promise<unknown>;
  /**
   * Has the guest give a device back, and waits until it has.
   * @throws KataError ERR_DEADLINE where it does not.
   */
  unplug(name: string): Promise<void>;
  /** Ends it at once and takes back what it had on the host. */
  stop(): Promise<void>;
}

/** Starts a machine; resolves as soon as its process stands, long before the guest does. */
export type StartMachine = (spec: MachineSpec) => Promise<RunningMachine>;
