/** A container of a running sandbox. */
import { randomBytes } from 'node:crypto';
import { KataError } from '../wire/error.ts';
import type { grpc } from '../wire/generated/proto.js';
import { CALL_TIMEOUT_MS } from './agent-connection.ts';
import { terminalFields } from './oci-spec/terminal.ts';
import { parseId, type ResolvedUser } from './oci-spec/user.ts';
import { type ExecOptions, GuestProcess, type ProcessHost } from './process.ts';
import type { ProcessStreams } from './process-streams.ts';
import { mergeEnv } from './sandbox-options.ts';
import { openStreams } from './stream-choice.ts';
import type { VsockConnector } from './vsock/guest-vsock.ts';

const SIGKILL = 9;

/** What a container needs of its sandbox. */
export interface ContainerHost extends ProcessHost {
  readonly vsock: VsockConnector;
  /** Takes what the container has on the host back, once the guest has removed it. */
  release(): Promise<void>;
}

/** What an exec takes over from its container where its options do not say. */
export interface ExecDefaults {
  /** `NAME=value` each. */
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: ResolvedUser;
}

/** A container as the agent knows it. */
export interface ContainerIdentity {
  readonly id: string;
  readonly defaults: ExecDefaults;
  /** Whether its first process has a terminal. */
  readonly terminal: boolean;
}

/** A container that the agent has created. */
export class Container {
  readonly id: string;
  /** Its first process. */
  readonly init: GuestProcess;
  readonly #defaults: ExecDefaults;
  readonly #host: ContainerHost;

  /** Containers are made by `Sandbox.createContainer`, and found by `RunningSandbox.container`. */
  constructor({ id, defaults, terminal }: ContainerIdentity, initStreams: ProcessStreams, host: ContainerHost) {
    this.id = id;
    this.init = new GuestProcess({ containerId: id, execId: id }, terminal, initStreams, host);
    this.#defaults = defaults;
    this.#host = host;
  }

  /** Releases the program. @throws KataError as the agent answers, ERR_DEADLINE after a minute. */
  async start(): Promise<void> {
    await this.#host.calls.agent.StartContainer({ container_id: this.id }, { timeoutMs: CALL_TIMEOUT_MS });
    this.#host.timeline.reach('container started');
  }

  /**
   * Starts another program in the container. It runs when the promise resolves.
   * @throws KataError ERR_INTERNAL with the agent's words where the program cannot run; ERR_INVALID_ARGUMENT for a bad
   *   option; ERR_FAILED_PRECONDITION where `passfd` is asked for and not offered.
   */
  async exec(options: ExecOptions): Promise<GuestProcess> {
    if (options.command.length === 0) throw new KataError('ERR_INVALID_ARGUMENT', 'command: there is none');
    const { env, cwd, user } = this.#defaults;
    const { calls, vsock } = this.#host;
    const identity = { containerId: this.id, execId: `exec-${randomBytes(8).toString('hex')}` };
    const { terminal } = options;
    const names = options.user === undefined ? undefined : stringUser(options.user);
    const process = {
      Args: [...options.command],
      Env: mergeEnv(env, options.env ?? []),
      Cwd: options.cwd ?? cwd,
      // For agents that know nothing of names.
      User: numbersOf(names) ?? { UID: user.uid, GID: user.gid, AdditionalGids: [...user.additionalGids] },
      ...terminalFields(terminal),
    };
    const streams = await openStreams({ calls, vsock, identity, terminal: terminal !== undefined }, options.streams);
    const ids = { container_id: identity.containerId, exec_id: identity.execId };
    const request = { ...ids, ...(names === undefined ? {} : { string_user: names }), process, ...streams.ports };
    try {
      await calls.agent.ExecProcess(request, { timeoutMs: CALL_TIMEOUT_MS });
    } catch (error) {
      streams.drop();
      throw error;
    }
    const started = new GuestProcess(identity, terminal !== undefined, streams, this.#host);
    if (terminal !== undefined) await started.repeatSize(terminal);
    return started;
  }

  /** Sends a signal to the container's first process; SIGKILL goes to all of the container. */
  async signal(signal: number): Promise<void> {
    const request = { container_id: this.id, exec_id: '', signal };
    await this.#host.calls.agent.SignalProcess(request, { timeoutMs: CALL_TIMEOUT_MS });
  }

  /** Stops every process of the container where it stands. */
  async pause(): Promise<void> {
    await this.#host.calls.agent.PauseContainer({ container_id: this.id }, { timeoutMs: CALL_TIMEOUT_MS });
  }

  /** Lets a paused container go on. */
  async resume(): Promise<void> {
    await this.#host.calls.agent.ResumeContainer({ container_id: this.id }, { timeoutMs: CALL_TIMEOUT_MS });
  }

  /** Kills what still runs in the container and removes it, in the guest and on the host. */
  async remove(): Promise<void> {
    try {
      // The container may have ended by itself; its removal decides.
      await this.signal(SIGKILL).catch(() => {});
      await this.#host.calls.agent.RemoveContainer({ container_id: this.id }, { timeoutMs: CALL_TIMEOUT_MS });
    } finally {
      this.init.drop();
      await this.#host.release();
    }
  }
}

/** A user and a group, each by name or number; an empty group is the user's own. */
interface Names {
  readonly uid: string;
  readonly gid: string;
}

/** The same in numbers; undefined where only the container's files have them. */
function numbersOf(names: Names | undefined): grpc.IUser | undefined {
  const uid = parseId(names?.uid);
  const gid = names?.gid === '' ? 0 : parseId(names?.gid);
  return uid === undefined || gid === undefined ? undefined : { UID: uid, GID: gid };
}

/** `USER[:GROUP]` as the agent takes it, which looks the names up in the container. */
function stringUser(text: string): Names {
  const [uid = '', ...group] = text.split(':');
  if (uid === '' || group.length > 1) {
    throw new KataError('ERR_INVALID_ARGUMENT', `user ${JSON.stringify(text)} is not USER[:GROUP]`);
  }
  return { uid, gid: group[0] ?? '' };
}
