/**
 * Freezing a cgroup. Version 2: cgroup.freeze, and `frozen` of cgroup.events; kernel, Documentation/admin-guide/cgroup-v2.rst.
 * Version 1: freezer.state; Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { GrpcStatus, KataError } from '../../wire/error.ts';
import { eventually } from '../process/delay.ts';
import { keyedNumber, subtree, unlessGone } from './cgroup-tree.ts';

/** A process that waits for a disk or a share freezes when that answers, which may be never (ms). */
const FREEZE_DEADLINE_MS = 10_000;
/** Waking up waits for nothing; a machine that is short of processors needs a while (ms). */
const THAW_DEADLINE_MS = 10_000;

/**
 * In version 1, what is born while the freezer works can keep it at FREEZING for ever. Every so many looks all are let
 * go for a moment, and the freezer starts anew.
 */
const LOOKS_UNTIL_ANEW = 25;
const REST_MS = 10;

/** A directory that can be frozen. */
export interface Freezer {
  readonly version: 1 | 2;
  readonly directory: string;
}

/** The one of a cgroup's directories that can be frozen; undefined where the kernel has no freezer, or all are gone. */
export function findFreezer(directories: readonly string[]): Freezer | undefined {
  const first = directories.find((directory) => existsSync(`${directory}/freezer.state`));
  if (first !== undefined) return { version: 1, directory: first };
  const second = directories.find((directory) => existsSync(`${directory}/cgroup.freeze`));
  return second === undefined ? undefined : { version: 2, directory: second };
}

/**
 * Asks for the wanted state, and does not wait for it. Does nothing where the cgroup is gone.
 * @throws KataError ERR_SYSCALL.
 */
export function requestState({ version, directory }: Freezer, wanted: 'frozen' | 'thawed'): void {
  const [file, text] =
    version === 1
      ? [`${directory}/freezer.state`, wanted === 'frozen' ? 'FROZEN' : 'THAWED']
      : [`${directory}/cgroup.freeze`, wanted === 'frozen' ? '1' : '0'];
  unlessGone(() => writeFileSync(file, text), undefined);
}

/** Thaws all cgroups below it too: those that the container itself has frozen. */
export function requestThawBelow(freezer: Freezer): void {
  for (const directory of subtree(freezer.directory).toReversed()) requestState({ ...freezer, directory }, 'thawed');
}

function state({ version, directory }: Freezer): 'frozen' | 'freezing' | 'thawed' {
  if (version === 1) {
    const text = unlessGone(() => readFileSync(`${directory}/freezer.state`, 'utf8'), '').trim();
    if (text === 'FROZEN') return 'frozen';
    return text === 'FREEZING' ? 'freezing' : 'thawed';
  }
  if (keyedNumber(`${directory}/cgroup.events`, 'frozen') === 1) return 'frozen';
  // Frozen from above counts as well, and shows in cgroup.events only.
  return unlessGone(() => readFileSync(`${directory}/cgroup.freeze`, 'utf8'), '').trim() === '1'
    ? 'freezing'
    : 'thawed';
}

/** Whether its processes stand still, or are on their way there. */
export function isFrozen(freezer: Freezer): boolean {
  return state(freezer) !== 'thawed';
}

/**
 * Freezes it with all below it. Does nothing where that is done already.
 * @throws KataError ERR_DEADLINE (INTERNAL on the wire) where a process does not come to a halt; all of them run on then.
 */
export async function freeze(freezer: Freezer): Promise<void> {
  let looks = 0;
  const look = (): boolean => {
    looks += 1;
    // Again and again: in version 1 a write reaches those who are there at that moment.
    if (freezer.version === 1 || looks === 1) requestState(freezer, 'frozen');
    return state(freezer) === 'frozen';
  };
  const end = performance.now() + FREEZE_DEADLINE_MS;
  while (!look()) {
    if (performance.now() >= end) {
      requestState(freezer, 'thawed');
      throw late('does not freeze', FREEZE_DEADLINE_MS);
    }
    if (freezer.version === 1 && looks % LOOKS_UNTIL_ANEW === 0) {
      requestState(freezer, 'thawed');
      await sleep(REST_MS);
    } else {
      await sleep(1);
    }
  }
}

/**
 * Lets it go on. Does nothing where it is not frozen.
 * @throws KataError ERR_DEADLINE (INTERNAL on the wire) where it stays frozen, as by a cgroup above it.
 */
export async function thaw(freezer: Freezer): Promise<void> {
  requestState(freezer, 'thawed');
  if (await eventually(() => state(freezer) === 'thawed', THAW_DEADLINE_MS)) return;
  throw late('stays frozen', THAW_DEADLINE_MS);
}

function late(what: string, deadlineMs: number): KataError {
  const status = GrpcStatus.INTERNAL;
  return new KataError('ERR_DEADLINE', `the cgroup ${what} within ${deadlineMs} ms`, { status });
}
