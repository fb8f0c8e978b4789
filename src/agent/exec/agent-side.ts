/** What the launcher's threads hold of the agent's own side, out of every container's sight. */
import { chmodSync, closeSync, constants, mkdirSync, rmSync } from 'node:fs';
import { cString } from '../../linux/cstring.ts';
import { makeFifo, releaseFifo } from '../../linux/fifo.ts';
import { AT_FDCWD, O_PATH, openAt } from '../../linux/open-at.ts';
import { openProcess } from '../../linux/pidfd.ts';
import { O_CLOEXEC } from '../../linux/pipe.ts';

const DIRECTORY_FLAGS = O_PATH | constants.O_DIRECTORY | O_CLOEXEC;

/** A child opens the gate as the user that it will be; nobody else gets near. */
const DIRECTORY_MODE = 0o711;
const GATE_MODE = 0o644;

/** A named pipe at which a child waits until the agent is done with it. */
export class Gate {
  readonly name: string;
  readonly #path: string;
  readonly #cPath: Buffer;

  constructor(directory: string, name: string) {
    this.name = name;
    this.#path = `${directory}/${name}`;
    rmSync(this.#path, { force: true });
    makeFifo(this.#path, GATE_MODE);
    this.#cPath = cString('gate', this.#path);
  }

  /** Lets the child pass that waits; false where none does (yet). */
  open(): boolean {
    return releaseFifo(this.#cPath);
  }

  /** Takes it away: who comes now finds none. */
  remove(): void {
    rmSync(this.#path, { force: true });
  }
}

/** Descriptors that lead from a container back to the agent. */
export class AgentSide {
  /** Directory of the gates; O_PATH. */
  readonly gateDirectory: number;
  /** Root of the agent's own /proc; O_PATH. */
  readonly procRoot: number;
  /** The agent; a pidfd. */
  readonly home: number;
  readonly #directory: string;
  #gates = 0;

  /** @param directory for the gates, on a file system of the agent's own. */
  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true });
    chmodSync(directory, DIRECTORY_MODE);
    this.gateDirectory = openAt(AT_FDCWD, directory, DIRECTORY_FLAGS);
    this.procRoot = openAt(AT_FDCWD, '/proc', DIRECTORY_FLAGS);
    this.home = openProcess(process.pid);
  }

  makeGate(): Gate {
    this.#gates += 1;
    return new Gate(this.#directory, `gate-${this.#gates}`);
  }

  close(): void {
    for (const fd of [this.gateDirectory, this.procRoot, this.home]) closeSync(fd);
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
