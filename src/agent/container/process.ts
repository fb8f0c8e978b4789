/** A process of a container. */
import { type ExitStatus, exitCode } from '../../linux/wait.ts';
import { KataError } from '../../wire/error.ts';
import { cancelled } from '../process/mutex.ts';
import { sendSignal } from '../process/send-signal.ts';
import type { InputStream } from '../stream/input-stream.ts';
import type { OutputStream } from '../stream/output-stream.ts';
import { closeIo, type ProcessIo } from '../stream/process-io.ts';
import type { Terminal } from '../stream/terminal.ts';
import { checkSignal } from './signal.ts';
import { ignoresSigterm, SIGKILL, SIGTERM } from './sigterm.ts';

/** How a process's time with us ended. */
type Outcome =
  | { readonly kind: 'exited'; readonly code: number }
  /** Its container was removed before its end was seen. */
  | { readonly kind: 'abandoned' };

type State =
  | { readonly kind: 'running' }
  /** It has ended, and nobody has been told its status yet. */
  | Outcome
  /** Somebody was told; nobody who asks from now on will be. */
  | { readonly kind: 'collected' };

/** Rejects when the signal is aborted; `stop` ends the watch. */
function watchAbort(signal: AbortSignal): { readonly aborted: Promise<never>; readonly stop: () => void } {
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(cancelled());
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  return { aborted: promise, stop: () => signal.removeEventListener('abort', onAbort) };
}

/** What a process is made of. */
export interface ProcessParts {
  readonly pid: number;
  /** Settles when the agent has collected it from the kernel. */
  readonly ended: Promise<ExitStatus>;
  /** Belongs to the process from now on. */
  readonly io: ProcessIo;
  /** Whether it is the first of its container. */
  readonly isInit: boolean;
  /** Called at its end, before anybody is told of it. */
  readonly onExit?: () => void;
}

/** A process with its streams, from its birth until its status was collected. */
export class ContainerProcess {
  readonly pid: number;
  readonly #io: ProcessIo;
  readonly #isInit: boolean;
  readonly #onExit: () => void;
  readonly #exit = Promise.withResolvers<void>();
  readonly #outcome = Promise.withResolvers<Outcome>();
  readonly #collected = Promise.withResolvers<void>();
  readonly #holds: Promise<unknown>[] = [];
  #state: State = { kind: 'running' };

  constructor(parts: ProcessParts) {
    this.pid = parts.pid;
    this.#io = parts.io;
    this.#isInit = parts.isInit;
    this.#onExit = parts.onExit ?? (() => {});
    void parts.ended.then((status) => this.#exited(exitCode(status)));
  }

  /** Its standard input, open until a client closes it: a program that reads it waits until then. */
  get stdin(): InputStream {
    return this.#io.stdin;
  }

  get stdout(): OutputStream {
    return this.#io.stdout;
  }

  /** With a terminal the same stream as `stdout`. */
  get stderr(): OutputStream {
    return this.#io.stderr;
  }

  /** Its terminal; undefined where it has pipes. */
  get terminal(): Terminal | undefined {
    return this.#io.terminal;
  }

  /** Whether it has not ended yet. */
  get running(): boolean {
    return this.#state.kind === 'running';
  }

  /** Whether its status can still be asked for. */
  get collectable(): boolean {
    return this.#state.kind !== 'collected';
  }

  /** Settles when somebody was told its status, or it was disposed of. */
  get collected(): Promise<void> {
    return this.#collected.promise;
  }

  /** Settles when both outputs have come to their end for a reader too. */
  async outputsOver(): Promise<void> {
    await Promise.all([this.stdout.over, this.stderr.over]);
  }

  /** Settles when it has ended, or was abandoned; collects nothing, and is not held up by {@link holdExit}. */
  ended(): Promise<void> {
    return this.#exit.promise;
  }

  /**
   * Keeps its end from those who wait for it until `until` has settled, such as the copy of its last output. Those who
   * hold must come to an end themselves once the process has exited.
   */
  holdExit(until: Promise<unknown>): void {
    this.#holds.push(until);
  }

  /**
   * Waits for its end. All who wait when it comes get the status; whoever asks after that finds it collected.
   * @param signal aborted when the one who waits has gone: it then collects nothing.
   * @returns the exit code, 128 + n for death by signal n.
   * @throws KataError ERR_CANCELLED; ERR_INTERNAL where the container was removed meanwhile.
   */
  async wait(signal: AbortSignal): Promise<number> {
    const { aborted, stop } = watchAbort(signal);
    try {
      const outcome = await Promise.race([aborted, this.#outcome.promise]);
      if (outcome.kind === 'abandoned') throw new KataError('ERR_INTERNAL', 'the container was removed');
      this.#collect();
      return outcome.code;
    } finally {
      stop();
    }
  }

  /**
   * Sends a signal; one that has ended takes it without effect. SIGTERM to the first process of a container that has no
   * disposition for it is sent as SIGKILL: the kernel would drop it.
   * @throws KataError (INTERNAL on the wire) for a number that is no signal.
   */
  signal(number: number): void {
    const checked = checkSignal(number);
    if (!this.running) return;
    sendSignal(this.pid, checked === SIGTERM && this.#isInit && ignoresSigterm(this.pid) ? SIGKILL : checked);
  }

  /** Lets go of everything: its streams are closed, and whoever waits or reads gets an error. */
  dispose(): void {
    if (this.#state.kind === 'running') this.#state = { kind: 'abandoned' };
    this.#exit.resolve();
    if (this.#state.kind !== 'collected') this.#outcome.resolve(this.#state);
    this.#collected.resolve();
    closeIo(this.#io);
  }

  #collect(): void {
    if (this.#state.kind === 'collected') return;
    this.#state = { kind: 'collected' };
    this.#collected.resolve();
    // Many a process is never read from again.
    if (this.terminal !== undefined) return;
    this.stdout.closeIfDrained();
    this.stderr.closeIfDrained();
  }

  #exited(code: number): void {
    if (!this.running) return;
    // Before anything else: from now on its pid may be another process's.
    this.#state = { kind: 'exited', code };
    this.#onExit();
    this.#io.stdin.close();
    this.#io.stdout.processExited();
    this.#io.stderr.processExited();
    this.#exit.resolve();
    void Promise.allSettled(this.#holds).then(() => this.#outcome.resolve({ kind: 'exited', code }));
  }
}
