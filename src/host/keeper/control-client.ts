/** Asks the keeper of a sandbox, by its control socket. */
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { hasErrno, KataError } from '../../wire/error.ts';
import { checkName } from '../name.ts';
import type { TerminalSize } from '../oci-spec/terminal.ts';
import { RUN_ROOT } from '../paths.ts';
import { StateDirectory } from '../state/state-dir.ts';
import { type Decoder, decodeJson, object } from './json.ts';
import {
  ATTACH_PROTOCOL,
  type ContainerRequest,
  containerCreated,
  errorInfo,
  exitReport,
  fromErrorInfo,
  KEEPER_SOCKET,
  type SandboxInfo,
  sandboxInfo,
} from './protocol.ts';

const nothing = object({});

/** The keeper of a sandbox. Each call is a connection of its own; its errors are the keeper's. */
export class KeeperClient {
  readonly #id: string;
  readonly #socketPath: string;

  /** @throws KataError ERR_INVALID_ARGUMENT for what is no name. */
  constructor(sandboxId: string) {
    this.#id = checkName('sandbox', sandboxId);
    this.#socketPath = new StateDirectory(RUN_ROOT, sandboxId).file(KEEPER_SOCKET);
  }

  /** @param timeoutMs absent: without a limit. @throws KataError ERR_NOT_FOUND where no sandbox of the name is kept. */
  info(timeoutMs?: number): Promise<SandboxInfo> {
    return this.#call('GET', '/sandbox', sandboxInfo, undefined, timeoutMs);
  }

  /** Creates and starts a container. @returns its id. */
  async create(request: ContainerRequest): Promise<string> {
    return (await this.#call('POST', '/containers', containerCreated, request)).id;
  }

  /** Waits for the end of a container's program. @returns its exit code. */
  async wait(container: string): Promise<number> {
    return (await this.#call('POST', `/containers/${container}/wait`, exitReport)).status;
  }

  /** Sends a signal to a container. */
  async signal(container: string, signal: number): Promise<void> {
    await this.#call('POST', `/containers/${container}/signal`, nothing, { signal });
  }

  /** Stops a container's processes where they stand. */
  async pause(container: string): Promise<void> {
    await this.#call('POST', `/containers/${container}/pause`, nothing);
  }

  /** Lets them go on. */
  async resume(container: string): Promise<void> {
    await this.#call('POST', `/containers/${container}/resume`, nothing);
  }

  /** Sets the size of a container's terminal. */
  async resize(container: string, { rows, columns }: TerminalSize): Promise<void> {
    await this.#call('POST', `/containers/${container}/resize`, nothing, { rows, columns });
  }

  /** Removes a container. @param force kills what runs. */
  async remove(container: string, force: boolean): Promise<void> {
    await this.#call('DELETE', `/containers/${container}${force ? '?force' : ''}`, nothing);
  }

  /** Removes the sandbox; nothing of it is left but the keeper's last moments. */
  async removeAll(force: boolean): Promise<void> {
    await this.#call('DELETE', `/sandbox${force ? '?force' : ''}`, nothing);
  }

  /** Joins a container's streams. @returns a connection of frames, see `attach-frame.ts`. */
  async attach(container: string): Promise<Duplex> {
    const headers = { connection: 'Upgrade', upgrade: ATTACH_PROTOCOL };
    const request = await this.#request('POST', `/containers/${container}/attach`, headers);
    const { promise, resolve, reject } = Promise.withResolvers<Duplex>();
    request.on('upgrade', (_, socket, head) => {
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    request.on('response', (response) => void readAnswer(response, nothing).then(() => {}, reject));
    request.on('error', (error) => reject(this.#unreachable(error)));
    request.end();
    return await promise;
  }

  async #call<T>(method: string, path: string, decode: Decoder<T>, body?: unknown, timeoutMs?: number): Promise<T> {
    const request = await this.#request(method, path, {}, timeoutMs);
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    request.on('response', (response) => void readAnswer(response, decode).then(resolve, reject));
    request.on('error', (error) => reject(this.#unreachable(error)));
    request.end(body === undefined ? undefined : JSON.stringify(body));
    return await promise;
  }

  async #request(
    method: string,
    path: string,
    headers: Record<string, string>,
    timeoutMs?: number,
  ): Promise<ClientRequest> {
    const { request } = await import('node:http');
    const limit = timeoutMs === undefined ? {} : { signal: AbortSignal.timeout(timeoutMs) };
    return request({ socketPath: this.#socketPath, method, path, headers, agent: false, ...limit });
  }

  #unreachable(cause: Error): KataError {
    if (hasErrno(cause, 'ENOENT', 'ECONNREFUSED')) {
      return new KataError(
        'ERR_NOT_FOUND',
        `there is no sandbox ${this.#id}, or it goes with the command that made it`,
        { cause },
      );
    }
    if (hasErrno(cause, 'EACCES')) {
      return new KataError('ERR_HOST', `sandbox ${this.#id} is root's: ${cause.message}`, { cause });
    }
    if (cause.name === 'AbortError' || cause.name === 'TimeoutError') {
      return new KataError('ERR_DEADLINE', `the keeper of sandbox ${this.#id} does not answer`, { cause });
    }
    return new KataError('ERR_UNAVAILABLE', `the keeper of sandbox ${this.#id} has ended: ${cause.message}`, { cause });
  }
}

async function readAnswer<T>(response: IncomingMessage, decode: Decoder<T>): Promise<T> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString('utf8');
  if (response.statusCode !== 200) throw fromErrorInfo(decodeJson(text, errorInfo, 'answer'));
  return decodeJson(text, decode, 'answer');
}
