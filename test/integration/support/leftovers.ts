/** What sandboxes leave on the host: processes, mounts, directories. A clean host has none of it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { RUN_ROOT, SHARE_ROOT } from '../../../src/host/paths.ts';
import { processesNaming } from '../../../src/host/process-list.ts';

/** A guardian that works by itself, after its harness was killed, gets so long (ms). */
const PATIENCE_MS = 10_000;
const POLL_INTERVAL_MS = 50;

/** Everything on this host that bears the sandbox's name, in words. This process and its parents are not counted. */
export function leftoversOf(id: string): string[] {
  const places = [`${RUN_ROOT}/${id}`, `${SHARE_ROOT}/${id}`];
  const processes = [...places, `sandbox-${id}`].flatMap((text) => processesNaming(text));
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return [
    ...processes.map(({ pid, name }) => `process ${pid} ${name}`),
    ...mounts.filter((line) => places.some((place) => line.includes(`${place}/`))).map((line) => `mount ${line}`),
    ...places.filter((place) => existsSync(place)).map((place) => `directory ${place}`),
    // Sockets that are bound but whose file is gone still show here.
    ...readFileSync('/proc/net/unix', 'utf8')
      .split('\n')
      .filter((line) => line.includes(`${RUN_ROOT}/${id}/`))
      .map((line) => `socket ${line}`),
  ];
}

/** Waits until nothing is left, and gives what is left after the guardian's time. */
export async function leftoversAfterGuardian(id: string): Promise<string[]> {
  for (let waited = 0; waited < PATIENCE_MS && leftoversOf(id).length > 0; waited += POLL_INTERVAL_MS) {
    await delay(POLL_INTERVAL_MS);
  }
  return leftoversOf(id);
}

/** Half-made state directories, which belong to no name. */
export function unbornStates(): string[] {
  return existsSync(RUN_ROOT) ? readdirSync(RUN_ROOT).filter((name) => name.startsWith('.new-')) : [];
}
