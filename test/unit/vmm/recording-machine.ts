/** A stand-in for QEMU's process: records what it is told, and answers what it was taught. */
import type { MachineEnd, MachineSpec, RunningMachine } from '../../../src/vmm/machine/running-machine.ts';

/** A command as QEMU would have got it. */
export interface RecordedCommand {
  readonly command: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly fds: readonly number[];
}

/** See the file's comment. */
export class RecordingMachine implements RunningMachine {
  readonly spec: MachineSpec | undefined;
  readonly commands: RecordedCommand[] = [];
  readonly unplugged: string[] = [];
  /** What a command returns, or throws where it is an Error; `{}` where nothing is taught. */
  readonly answers = new Map<string, unknown>();
  readonly ended: Promise<MachineEnd>;
  readonly end: (end: MachineEnd) => void;
  isStopped = false;

  constructor(spec?: MachineSpec) {
    this.spec = spec;
    const { promise, resolve } = Promise.withResolvers<MachineEnd>();
    this.ended = promise;
    this.end = resolve;
  }

  execute(
    command: string,
    args: Readonly<Record<string, unknown>> = {},
    fds: readonly number[] = [],
  ): Promise<unknown> {
    this.commands.push({ command, args, fds });
    const answer = this.answers.get(command) ?? {};
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  }

  unplug(name: string): Promise<void> {
    this.unplugged.push(name);
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.isStopped = true;
    return Promise.resolve();
  }
}
