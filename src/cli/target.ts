/** Names of what a command is about: `SANDBOX` or `SANDBOX/CONTAINER`. */
import { setTimeout as delay } from 'node:timers/promises';
import { recordedContainers } from '../host/container-record.ts';
import { LostSandboxes } from '../host/keeper/lost-sandboxes.ts';
import { checkName } from '../host/name.ts';
import { RUN_ROOT } from '../host/paths.ts';
import { StateDirectory } from '../host/state/state-dir.ts';
import { hasErrno, KataError } from '../wire/error.ts';

/** What a word on the command line names. */
export interface Target {
  readonly sandbox: string;
  readonly container: string | undefined;
}

/** A container that is named in full. */
export interface ContainerTarget extends Target {
  readonly container: string;
}

/** The kernel tells the keeper of a dead machine within milliseconds of its connections' end (ms). */
const REASON_TIMEOUT_MS = 1_000;
const POLL_INTERVAL_MS = 20;

/** How the argument is shown in the help. */
export const TARGET = '<sandbox[/container]>';

/** @throws KataError ERR_INVALID_ARGUMENT for what is no name. */
export function parseTarget(text: string): Target {
  const slash = text.indexOf('/');
  const sandbox = checkName('sandbox', slash < 0 ? text : text.slice(0, slash));
  return { sandbox, container: slash < 0 ? undefined : checkName('container', text.slice(slash + 1)) };
}

/**
 * As {@link parseTarget}; where no container is named, the sandbox's first one is meant, in the order of their names,
 * numbers by their value.
 * @throws KataError ERR_NOT_FOUND where there is no such sandbox, or none in it.
 */
export function containerTarget(text: string): ContainerTarget {
  const { sandbox, container } = parseTarget(text);
  const names = containersOf(sandbox);
  const chosen = container ?? firstOf(names);
  if (chosen === undefined) throw new KataError('ERR_NOT_FOUND', `sandbox ${sandbox} has no container`);
  if (!names.includes(chosen)) throw new KataError('ERR_NOT_FOUND', `sandbox ${sandbox} has no container ${chosen}`);
  return { sandbox, container: chosen };
}

/** The first of some names. */
export function firstOf(names: readonly string[]): string | undefined {
  return names.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }))[0];
}

function containersOf(sandbox: string): readonly string[] {
  try {
    return recordedContainers(new StateDirectory(RUN_ROOT, sandbox).path);
  } catch (error) {
    if (hasErrno(error, 'EACCES')) throw new KataError('ERR_HOST', `sandbox ${sandbox} is root's`, { cause: error });
    if (!hasErrno(error, 'ENOENT')) throw error;
  }
  const lost = new LostSandboxes(RUN_ROOT).get(sandbox);
  if (lost === undefined) throw new KataError('ERR_NOT_FOUND', `there is no sandbox ${sandbox}`);
  return lost.info.containers.map(({ id }) => id);
}

/**
 * The error of a sandbox that has gone while it was in use; the keeper's reason, where it leaves one within a moment. Other
 * errors are given back.
 */
export async function whyGone(sandbox: string, thrown: unknown): Promise<KataError> {
  const error = KataError.from(thrown);
  if (error.code !== 'ERR_UNAVAILABLE') return error;
  const lost = new LostSandboxes(RUN_ROOT);
  for (let waited = 0; waited < REASON_TIMEOUT_MS; waited += POLL_INTERVAL_MS) {
    const reason = lost.get(sandbox)?.error.message;
    if (reason !== undefined) return new KataError('ERR_UNAVAILABLE', reason, { cause: error });
    await delay(POLL_INTERVAL_MS);
  }
  return error;
}

/** @throws KataError with the reason, where the sandbox's machine was lost. */
export function requireNotLost(sandbox: string): void {
  const lost = new LostSandboxes(RUN_ROOT).get(sandbox);
  if (lost !== undefined) throw new KataError('ERR_UNAVAILABLE', lost.error.message);
}
