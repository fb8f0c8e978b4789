/** A process of a container. */
import { closeSync } from 'node:fs';
import { type ExitStatus, exitCode } from '../../linux/wait.ts';
import { hasErrno, KataError } from '../../wire/error.ts';
import { cancelled } from '../process/mutex.ts';
import { OutputStream } from '../stream/output-stream.ts';
import type { StdioPipes } from '../stream/stdio.ts';
import { badField } from './oci-spec/bad-field.ts';
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

/** A process with its streams, from its birth until its status was collected. */
export class ContainerProcess {
  readonly pid: number;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly #isInit: boolean;
  readonly #outcome = Promise.withResolvers<Outcome>();
  #stdin: number | undefined;
  #state: State = { kind: 'running' };

  /**
   * @param ended settles when the agent has collected the process from the kernel.
   * @param pipes the agent's ends belong to the process from now on.
   * @param isInit whether it is the first of its container.
   */
  constructor(pid: number, ended: Promise<ExitStatus>, pipes: StdioPipes, isInit: boolean) {
    this.pid = pid;
    this.#isInit = isInit;
    // Kept open until a client closes it: a program that reads its input waits until then, as with other agents.
    this.#stdin = pipes.stdin;
    this.stdout = new OutputStream(pipes.stdout);
    this.stderr = new OutputStream(pipes.stderr);
    void ended.then((status) => this.#settle({ kind: 'exited', code: exitCode(status) }));
  }

  /** Whether it has not ended yet. */
  get running(): boolean {
    return this.#state.kind === 'running';
  }

  /** Whether its status can still be asked for. */
  get collectable(): boolean {
    return this.#state.kind !== 'collected';
  }

  /** Settles when it has ended, or was abandoned; collects nothing. */
  async ended(): Promise<void> {
    await this.#outcome.promise;
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
      this.#state = { kind: 'collected' };
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
    if (!this.running) return;
    const sent = number === SIGTERM && this.#isInit && ignoresSigterm(this.pid) ? SIGKILL : number;
    try {
      process.kill(this.pid, sent);
    } catch (error) {
      if (hasErrno(error, 'EINVAL')) throw badField('signal', number, 'is no signal');
      if (!hasErrno(error, 'ESRCH')) throw KataError.from(error);
    }
  }

  /** Gives it the end of its standard input. Happens once; it is there already where that was done, or where it ended. */
  closeStdin(): void {
    if (this.#stdin !== undefined) closeSync(this.#stdin);
    this.#stdin = undefined;
  }

  /** Lets go of everything: its pipes are closed, and whoever waits or reads gets an error. */
  dispose(): void {
    this.#settle({ kind: 'abandoned' });
    this.stdout.close();
    this.stderr.close();
  }

  #settle(outcome: Outcome): void {
    if (!this.running) return;
    this.#state = outcome;
    this.#outcome.resolve(outcome);
    this.closeStdin();
    this.stdout.processExited();
    this.stderr.processExited();
  }
}
