/**
 * A container whose own processes attack whatever appears in it. An exec passes through it for a moment before it is the
 * program; in that moment nothing of the agent may be reached, and no other container may wait for it.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it, onTestFailed } from 'vitest';
import { KataError } from '../../../src/wire/error.ts';
import { describeBothWays } from '../support/both-ways.ts';
import { createRaw, type Guest, rawExec, removeRaw, shellExec } from '../support/exec.ts';
import { guestState, settledState } from '../support/guest-state.ts';
import { inTime } from '../support/in-time.ts';
import { readUntilError } from '../support/shim-readers.ts';
import { count, countFor, quantile, report, secondsSince, type Way } from '../support/soak.ts';

/** Longest that an exec of another container may take (ms): the launcher's watchdog, and the time of an exec itself. */
const DELAY_LIMIT_MS = 15_000;
/** When an exec that an attacker has stopped is killed (ms). */
const STUCK_MS = 2_000;
/** Looks for the attackers, each after 10 ms, before they are given up. */
const READY_LOOKS = 3_000;
/** In the environment of everything in the attacked container: an environment without it is somebody else's. */
const OWN = 'BELONGS_TO_THE_CONTAINER=1';
/** crun reads passwd for a HOME that is missing, and waits at a pipe in its place until it is killed, half a minute later. */
const HOME = 'HOME=/';
/** The capabilities of the container, as /proc shows them: Docker's default set. */
const CONTAINER_CAPABILITIES = '00000000a80425fb';

interface Attack {
  readonly name: string;
  /** Done to each process that is not one of the attackers, whose pid is `$pid`. */
  readonly toEach?: string;
  /** Done in every round. */
  readonly always?: string;
  /** Capabilities that the container has beyond the default. */
  readonly capabilities?: readonly string[];
}

/**
 * What the attackers do, in a loop. What they can read goes into files of the loot directory, by process and kind; a kind
 * that was refused leaves an empty file.
 */
const ATTACKS: readonly Attack[] = [
  { name: 'stops and kills', toEach: 'kill -STOP $pid; kill -KILL $pid' },
  { name: 'stops for a while', toEach: 'kill -STOP $pid; usleep 20000; kill -CONT $pid' },
  {
    name: 'reads',
    toEach: `
      readlink /proc/$pid/exe >$loot/$pid.exe; readlink /proc/$pid/cwd >$loot/$pid.cwd
      readlink /proc/$pid/root >$loot/$pid.root; cat /proc/$pid/environ >$loot/$pid.environ
      cat /proc/$pid/maps >$loot/$pid.maps; for fd in /proc/$pid/fd/*; do readlink $fd; done >$loot/$pid.fd
      while read -r line; do
        start=$((0x\${line%%-*} / 4096)); dd if=/proc/$pid/mem bs=4096 skip=$start count=1; break
      done <$loot/$pid.maps >$loot/$pid.mem
      ls /proc/$pid/cwd/ >$loot/$pid.entries`,
  },
  {
    name: 'mounts over /proc and /dev',
    always: 'mount -t tmpfs none /dev; mount -t tmpfs none /proc; usleep 20000; umount -l /proc; umount -l /dev',
    capabilities: ['CAP_SYS_ADMIN'],
  },
  {
    name: 'replaces the program and the accounts',
    always: `
      cp /bin/busybox $home/new; mv $home/new $home/busybox; echo root:x:0:0::/:/bin/sh >/etc/passwd
      echo nothing >$home/new; chmod +x $home/new; mv $home/new $home/busybox; mkfifo $home/fifo
      mv $home/fifo /etc/passwd; usleep 20000; rm -f /etc/passwd; ln -s /proc/self/mem /etc/passwd; rm -f /etc/passwd`,
  },
];

/** One attacker. Only builtin commands look for victims, since the other attackers may kill its children. */
const attackScript = ({ toEach = '', always = '' }: Attack): string => `
  exec 2>/dev/null
  while :; do
    read -r own <$home/own
    for each in /proc/[0-9]*; do
      pid=\${each#/proc/}
      case " $own " in *" $pid "*) continue;; esac
      ${toEach}
      :
    done
    ${always}
    :
  done`;

const directory = mkdtempSync(join(tmpdir(), 'kata-hostile-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describeBothWays('hostile', (guest, way) => {
  it.each(ATTACKS)('a container that $name gets nothing and holds nobody up', async (attack) => {
    const attacked = guest();
    const { sandbox, container } = attacked;
    const id = `hostile-${ATTACKS.indexOf(attack)}`;
    // The attackers must not be left to the tests that follow.
    onTestFailed(() => inTime('removal after a failure', removeRaw(attacked, id)).catch(() => {}));
    const before = await inTime('a look at the guest', guestState(sandbox.vsock));
    await startAttackers(attacked, id, attack);
    const execs = countFor(way, 10, 1000);
    const began = performance.now();
    const outcomes = new Map<string, number>();
    const delays: number[] = [];
    for (let turn = 0; turn < execs; turn += 1) {
      const [outcome, delay] = await Promise.all([attackedExec(attacked, id, attack), neighbourExec(attacked)]);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      delays.push(delay);
    }
    const took = secondsSince(began);
    await inTime('the removal of the container', removeRaw(attacked, id));
    const told = [...outcomes].map(([outcome, times]) => `${times} ${outcome}`).join(', ');
    report({
      subject: `execs into a container that ${attack.name}`,
      way,
      count: execs,
      result: `${told}; its neighbour: p50 ${quantile(delays, 0.5).toFixed(0)} ms, longest ${Math.max(...delays).toFixed(0)} ms; ${took}`,
    });
    expect(Math.max(...delays)).toBeLessThan(DELAY_LIMIT_MS);
    const looted = await inTime('the loot', fetchLoot(attacked, id));
    expect(readdirSync(looted).length > 0).toBe(attack.name === 'reads');
    expect(findingsIn(looted, way)).toEqual([]);
    // A thread for the capabilities of this container may stay, with its descriptors.
    const settled = settledState(sandbox.vsock, before, ['processes', 'cgroups']);
    const after = await inTime('looks at the guest', settled);
    expect([after.zombies, after.processes, after.cgroups]).toEqual([0, before.processes, before.cgroups]);
    const { stdout } = await inTime('an exec afterwards', shellExec(container, 'echo alive'));
    expect(stdout.toString()).toBe('alive\n');
  });
});

/**
 * Makes the container, and waits until its attackers know each other. From then on they attack whatever else the container
 * does, so nothing may be left for it to do: a last command that would report it would often be the first victim.
 */
async function startAttackers(guest: Guest, id: string, attack: Attack): Promise<void> {
  const script = `
    export loot=/loot/${id} home=/home/${id}; mkdir -p $loot $home; cp /bin/busybox $home/busybox
    cat >$home/attack <<'END'
${attackScript(attack)}
END
    own="1 $$"
    i=0; while [ $i -lt ${count(2, 4)} ]; do sh -c 'until [ -s $home/own ]; do usleep 10000; done; . $home/attack' & own="$own $!"; i=$((i + 1)); done
    echo "$own" >$home/new; mv $home/new $home/own; wait`;
  const creation = createRaw(guest, {
    id,
    args: ['sh', '-c', script],
    change: (spec) => {
      spec.Process?.Env?.push(OWN);
      const { Bounding, Effective, Permitted } = spec.Process?.Capabilities ?? {};
      for (const set of new Set([Bounding, Effective, Permitted])) set?.push(...(attack.capabilities ?? []));
    },
  });
  const ref = await inTime('CreateContainer', creation);
  await inTime('StartContainer', guest.sandbox.calls.agent.StartContainer(ref));
  const look = `i=0; until [ -s /home/${id}/own ]; do [ $i -lt ${READY_LOOKS} ] || exit 1; usleep 10000; i=$((i + 1)); done`;
  const { code } = await inTime('the look at the attackers', shellExec(guest.container, look));
  if (code !== 0) throw new Error(`no attackers in ${id}`);
}

/** One exec into the attacked container. @returns what became of it: whatever it is, there is an answer. */
async function attackedExec({ sandbox, way }: Guest, id: string, attack: Attack): Promise<string> {
  const { calls } = sandbox;
  const ref = { container_id: id, exec_id: `attacked-${Math.random()}` };
  const args = [`/home/${id}/busybox`, 'cat', '/proc/self/status'];
  const env = ['PATH=/bin', OWN, ...(way === 'runtime' ? [HOME] : [])];
  const start = calls.agent.ExecProcess({ ...ref, process: { User: {}, Args: args, Env: env, Cwd: '/' } });
  const refusal = await inTime(
    'ExecProcess',
    start.then(() => undefined, KataError.from),
  );
  if (refusal !== undefined) {
    expect(['ERR_INTERNAL', 'ERR_DEADLINE']).toContain(refusal.code);
    return 'refused';
  }
  // What an attacker stopped and then lost sight of would wait for ever; a kill is what a client sends then.
  const stuck = setTimeout(() => void calls.agent.SignalProcess({ ...ref, signal: 9 }).catch(() => {}), STUCK_MS);
  const [{ status }, stdout] = await Promise.all([
    inTime('WaitProcess', calls.agent.WaitProcess(ref)),
    inTime('ReadStdout', readUntilError(calls, ref, 'ReadStdout')),
  ]).finally(() => clearTimeout(stuck));
  for (const set of ['CapEff', 'CapBnd', 'CapPrm']) {
    const found = new RegExp(`^${set}:\\s+([0-9a-f]+)$`, 'm').exec(stdout.data.toString())?.[1];
    if (found !== undefined && attack.capabilities === undefined) expect(found).toBe(CONTAINER_CAPABILITIES);
  }
  return status === 0 ? 'ran' : `ended with ${status}`;
}

/** One exec into the other container, which has the same root. @returns its time (ms). */
async function neighbourExec(guest: Guest): Promise<number> {
  const began = performance.now();
  const start = rawExec(guest, ['true'], guest.way === 'runtime' ? { Env: ['PATH=/bin', HOME] } : {});
  const ref = await inTime("the neighbour's ExecProcess", start);
  const { status } = await inTime("the neighbour's WaitProcess", guest.sandbox.calls.agent.WaitProcess(ref));
  expect(status).toBe(0);
  return performance.now() - began;
}

/** Brings what the attackers read to the host. @returns its directory. */
async function fetchLoot({ container, way }: Guest, id: string): Promise<string> {
  // The attackers may have left a pipe in the place of the accounts, and tar, which looks for names there, would wait at it.
  const { stdout } = await shellExec(container, `rm -f /etc/passwd; tar cf - -C /loot ${id}`);
  const place = mkdtempSync(join(directory, `${way}-`));
  execFileSync('tar', ['xf', '-', '-C', place], { input: stdout });
  return join(place, id);
}

/** What the attackers read, and must not have: each finding in words. */
function findingsIn(loot: string, way: Way): string[] {
  return readdirSync(loot).flatMap((name) => {
    const content = readFileSync(join(loot, name), 'latin1');
    const [, kind = ''] = name.split('.');
    return content !== '' && isForeign(kind, content, way) ? [`${name}: ${JSON.stringify(content.slice(0, 300))}`] : [];
  });
}

/** Whether something that was read is not of the container. The runtime's own process is not the agent. */
function isForeign(kind: string, content: string, way: Way): boolean {
  if (/node|kata-agent|ttrpc/i.test(content)) return true;
  if (way === 'runtime') return false;
  switch (kind) {
    case 'environ':
      return !content.includes(OWN);
    case 'cwd':
    case 'root':
      return content.trim() !== '/';
    case 'entries':
      return !content.split('\n').includes('proc');
    case 'fd':
      return /socket:|anon_inode:|memfd|\/run\/|\/sys\/|\(unreachable\)/.test(content);
    default:
      return false;
  }
}
