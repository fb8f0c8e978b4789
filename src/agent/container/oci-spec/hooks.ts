/** Hooks of a container. */
import type { grpc } from '../../../wire/generated/proto.js';
import { badField } from './bad-field.ts';
import type { JsonObject } from './json.ts';
import { exact } from './number.ts';

/** A program that is run when a container reaches a point of its life. */
export interface Hook {
  readonly path: string;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly timeoutSeconds: number;
}

/** Hooks by who runs them. */
export interface Hooks {
  /** Run by the runtime while it makes the container. */
  readonly prestart: readonly Hook[];
  readonly createRuntime: readonly Hook[];
  readonly createContainer: readonly Hook[];
  readonly startContainer: readonly Hook[];
  /** Run by the agent. */
  readonly poststart: readonly Hook[];
  readonly poststop: readonly Hook[];
}

/** For a hook that names none, and for those of the guest. */
export const DEFAULT_HOOK_TIMEOUT_SECONDS = 10;

const SHELL = '/bin/sh';
/**
 * Runs a hook in the runtime's stead: a hook that fails must not fail the container, and the runtime knows no such hook.
 * $1 is the time limit, the rest the hook. What it prints goes to the kernel's log.
 */
const TOLERANT_RUN =
  'limit=$1; shift; busybox timeout -k 1 "$limit" "$@" >/dev/kmsg 2>&1 || echo "hook $1 failed: exit status $?" >/dev/kmsg; exit 0';

function convertHook(hook: grpc.Hook): Hook {
  if (!hook.Path.startsWith('/')) throw badField('Hooks.Path', hook.Path, 'is not absolute');
  const timeout = Number(exact(hook.Timeout));
  return {
    path: hook.Path,
    args: hook.Args.length === 0 ? [hook.Path] : hook.Args,
    env: hook.Env,
    timeoutSeconds: timeout > 0 ? timeout : DEFAULT_HOOK_TIMEOUT_SECONDS,
  };
}

/**
 * The request's hooks, and after them those of the guest.
 * @throws KataError (INTERNAL on the wire) naming field and value.
 */
export function mergeHooks(
  given: grpc.Hooks | null | undefined,
  guest: Pick<Hooks, 'prestart' | 'poststart' | 'poststop'>,
): Hooks {
  return {
    prestart: [...(given?.Prestart ?? []).map(convertHook), ...guest.prestart],
    createRuntime: (given?.CreateRuntime ?? []).map(convertHook),
    createContainer: (given?.CreateContainer ?? []).map(convertHook),
    startContainer: (given?.StartContainer ?? []).map(convertHook),
    poststart: [...(given?.Poststart ?? []).map(convertHook), ...guest.poststart],
    poststop: [...(given?.Poststop ?? []).map(convertHook), ...guest.poststop],
  };
}

function plainHook(hook: Hook): JsonObject {
  return { path: hook.path, args: hook.args, env: hook.env, timeout: hook.timeoutSeconds };
}

function tolerantHook(hook: Hook): JsonObject {
  const [, ...rest] = hook.args;
  return {
    path: SHELL,
    args: ['sh', '-c', TOLERANT_RUN, 'sh', String(hook.timeoutSeconds), hook.path, ...rest],
    env: hook.env,
  };
}

/**
 * The hooks that the runtime runs, as its specification has them. Those that run in the container's own namespaces are
 * passed as they are: the container need not have a shell.
 */
export function runtimeHooks(hooks: Hooks): JsonObject | undefined {
  const { prestart, createRuntime, createContainer, startContainer } = hooks;
  if ([...prestart, ...createRuntime, ...createContainer, ...startContainer].length === 0) return undefined;
  return {
    prestart: prestart.map(tolerantHook),
    createRuntime: createRuntime.map(tolerantHook),
    createContainer: createContainer.map(plainHook),
    startContainer: startContainer.map(plainHook),
  };
}
