/** What a keeper and the commands say to each other, as JSON. */
import { type ErrorCode, isErrorCode, KataError } from '../../wire/error.ts';
import type { ContainerOptions, ContainerRoot, SandboxOptions } from '../sandbox-options.ts';
import { type Decoder, flag, list, number, object, optional, text, word } from './json.ts';

/** Name of the keeper's socket in the state directory. */
export const KEEPER_SOCKET = 'keeper.sock';
/** Name of the directory of logs in the state directory. */
export const LOG_DIRECTORY = 'logs';
/** Word of the Upgrade header of an attached connection. */
export const ATTACH_PROTOCOL = 'kata-sandbox-attach';

/** A container to make. */
export interface ContainerRequest {
  readonly options: ContainerOptions;
  /** Keeps its input open for whoever attaches; else the program reads the end of it at once. */
  readonly interactive: boolean;
}

/** A sandbox to make, with its first container. */
export interface SandboxRequest {
  readonly sandbox: Pick<SandboxOptions, 'hostname' | 'cpus' | 'memoryMiB' | 'bootTimeoutMs' | 'kernelParameters'> & {
    readonly id: string;
  };
  readonly container: ContainerRequest;
}

/** Where a container is in its life. */
export type ContainerState =
  | { readonly is: 'running' }
  | { readonly is: 'paused' }
  /** Its output has ended too. @property at milliseconds since 1970. */
  | { readonly is: 'exited'; readonly status: number; readonly at: number }
  /** Its machine was lost while it ran. */
  | { readonly is: 'lost' };

/** What is known of a container. */
export interface ContainerInfo {
  readonly id: string;
  readonly command: readonly string[];
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly terminal: boolean;
  readonly interactive: boolean;
  readonly state: ContainerState;
}

/** What is known of a sandbox. */
export interface SandboxInfo {
  readonly id: string;
  /** Process ids on the host. */
  readonly keeperPid: number;
  readonly qemuPid: number;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** In the order in which they were made. */
  readonly containers: readonly ContainerInfo[];
}

/** What a keeper tells the command that started it, before it is ready. */
export type KeeperReport =
  | { readonly is: 'line'; readonly text: string }
  | { readonly is: 'ready'; readonly container: string }
  | { readonly is: 'failed'; readonly error: ErrorInfo };

/** An error on its way. */
export interface ErrorInfo {
  readonly code: string;
  readonly message: string;
}

const root: Decoder<ContainerRoot> = (value, where) => {
  const { kind } = object({ kind: word('directory', 'image') })(value, where);
  if (kind === 'directory') return { kind, path: object({ path: text })(value, where).path };
  return { kind, image: object({ image })(value, where).image };
};
const strings = list(text);
const image = object({
  rootfs: text,
  config: object({ entrypoint: strings, cmd: strings, env: strings, cwd: text, user: text }),
});
const size = object({ rows: number, columns: number });

/** Reads a {@link ContainerRequest}. */
export const containerRequest: Decoder<ContainerRequest> = object({
  interactive: flag,
  options: object({
    id: optional(text),
    root,
    command: strings,
    env: optional(strings),
    cwd: optional(text),
    user: optional(text),
    volumes: optional(list(object({ source: text, destination: text, readOnly: flag }))),
    readOnlyRoot: optional(flag),
    terminal: optional(size),
  }),
});

/** Reads a {@link SandboxRequest}. */
export const sandboxRequest: Decoder<SandboxRequest> = object({
  sandbox: object({
    id: text,
    hostname: optional(text),
    cpus: optional(number),
    memoryMiB: optional(number),
    bootTimeoutMs: optional(number),
    kernelParameters: optional(strings),
  }),
  container: containerRequest,
});

const containerState: Decoder<ContainerState> = (value, where) => {
  const { is } = object({ is: word('running', 'paused', 'exited', 'lost') })(value, where);
  return is === 'exited' ? { is, ...object({ status: number, at: number })(value, where) } : { is };
};

/** Reads a {@link SandboxInfo}. */
export const sandboxInfo: Decoder<SandboxInfo> = object({
  id: text,
  keeperPid: number,
  qemuPid: number,
  createdAt: number,
  containers: list(
    object({
      id: text,
      command: strings,
      createdAt: number,
      terminal: flag,
      interactive: flag,
      state: containerState,
    }),
  ),
});

/** Reads an {@link ErrorInfo}. */
export const errorInfo: Decoder<ErrorInfo> = object({ code: text, message: text });

/** Reads a {@link KeeperReport}. */
export const keeperReport: Decoder<KeeperReport> = (value, where) => {
  const { is } = object({ is: word('line', 'ready', 'failed') })(value, where);
  if (is === 'line') return { is, ...object({ text })(value, where) };
  if (is === 'ready') return { is, ...object({ container: text })(value, where) };
  return { is, ...object({ error: errorInfo })(value, where) };
};

/** Reads how a process ended. */
export const exitReport = object({ status: number });
/** Reads a signal to send. */
export const signalRequest = object({ signal: number });
/** Reads the size of a terminal. */
export const resizeRequest = size;
/** Reads the name of a new container. */
export const containerCreated = object({ id: text });

/** Makes an error ready to be sent. */
export function toErrorInfo(thrown: unknown): ErrorInfo {
  const { code, message } = KataError.from(thrown);
  return { code, message };
}

/** The error that was sent; a code that this version does not know becomes ERR_INTERNAL. */
export function fromErrorInfo({ code, message }: ErrorInfo): KataError {
  const known: ErrorCode = isErrorCode(code) ? code : 'ERR_INTERNAL';
  return new KataError(known, message);
}
