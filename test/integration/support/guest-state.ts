/** What a guest holds: the figures that must stay flat whatever was done in it. */
import { setTimeout as delay } from 'node:timers/promises';
import type { VsockConnector } from '../../../src/host/vsock/guest-vsock.ts';
import { guestOutput } from './guest-shell.ts';

/** Counts of a guest, and the memory of its agent. */
export interface GuestState {
  /** Open descriptors of the agent. */
  readonly descriptors: number;
  /** Threads of the agent. */
  readonly threads: number;
  /** Anonymous memory of the agent (KiB). */
  readonly anonymousKiB: number;
  /** Processes that are no threads of the kernel. */
  readonly processes: number;
  readonly zombies: number;
  readonly cgroups: number;
  readonly mounts: number;
  /** Files and directories of the agent and of the runtime. */
  readonly entries: number;
}

/**
 * The kernel keeps a mount of its own for each root in the share until somebody looks at its place again, some time after
 * the host has taken it away. Kata's shim has the agent look after each container (RemoveStaleVirtiofsShareMounts).
 */
const LOOK_AT_SHARE = `
for each in $(awk '$5 ~ "^/run/kata-containers/shared/containers/" { print $5 }' /proc/1/mountinfo); do
  stat $each >/dev/null 2>&1
done
`;

/** Prints one number a line, in the order in which the interface above has them. Kernel threads have no `exe`. */
const SCRIPT = `
ls /proc/1/fd 2>/dev/null | wc -l
ls /proc/1/task 2>/dev/null | wc -l
awk '/^Anonymous:/ { print $2 }' /proc/1/smaps_rollup
processes=0; zombies=0
for each in /proc/[0-9]*; do
  read -r stat 2>/dev/null <$each/stat || continue
  case "\${stat##*) }" in
    Z*) zombies=$((zombies + 1));;
    *) if readlink $each/exe >/dev/null 2>&1; then processes=$((processes + 1)); fi;;
  esac
done
echo $processes; echo $zombies
find /sys/fs/cgroup -type d | wc -l
wc -l </proc/1/mountinfo
find /run -xdev | wc -l
`;

/** Looks at a guest from its inside. The looking shell is counted each time, so it adds the same. */
export async function guestState(vsock: VsockConnector): Promise<GuestState> {
  const output = await guestOutput(vsock, LOOK_AT_SHARE + SCRIPT);
  const [descriptors, threads, anonymousKiB, processes, zombies, cgroups, mounts, entries] = output
    .split('\n')
    .map(Number);
  const state = { descriptors, threads, anonymousKiB, processes, zombies, cgroups, mounts, entries };
  const values = Object.entries(state);
  for (const [name, value] of values) {
    if (value === undefined || !Number.isSafeInteger(value)) throw new Error(`the guest's ${name} in: ${output}`);
  }
  // Reason for the cast: the loop above has just seen that each is a number.
  return state as GuestState;
}

/** How often a guest is looked at before it is taken to stay as it is, and the pause between two looks (ms). */
const LOOKS = 40;
const LOOK_INTERVAL_MS = 250;
/** Longer than the guest trusts what it knows of a name in the share: a second (ms). */
const STEADY_MS = 2_000;

/**
 * Looks until what was counted before is there again: connections and orphans take a moment to go. @returns the last look,
 * which the caller compares.
 * @param names of the figures that the caller compares: it is in vain to wait for another that stays as it is.
 */
export async function settledState(
  vsock: VsockConnector,
  before: GuestState,
  names: readonly (keyof GuestState)[] = FLAT,
): Promise<GuestState> {
  for (let look = 1; ; look += 1) {
    const state = await guestState(vsock);
    const isSettled = state.zombies === 0 && names.every((name) => state[name] === before[name]);
    if (isSettled || look === LOOKS) return state;
    await delay(LOOK_INTERVAL_MS);
  }
}

/** Looks until two looks in a row are the same: what came before takes a moment to go. @returns the last look. */
export async function steadyState(vsock: VsockConnector): Promise<GuestState> {
  let last = await guestState(vsock);
  for (let look = 1; look < LOOKS; look += 1) {
    await delay(STEADY_MS);
    const state = await guestState(vsock);
    const isSteady = FLAT.every((name) => state[name] === last[name]);
    last = state;
    if (isSteady) break;
  }
  return last;
}

const FLAT = ['descriptors', 'processes', 'cgroups', 'mounts', 'entries'] as const;

/** The figures that must be equal, of a look. */
export function flatOf(state: GuestState): Readonly<Record<string, number>> {
  return { ...Object.fromEntries(FLAT.map((name) => [name, state[name]])), zombies: state.zombies };
}
