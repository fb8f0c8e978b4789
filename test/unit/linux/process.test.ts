/** The small calls that change a whole process or its namespaces: each in a process of its own. */
import { describe, expect, it } from 'vitest';
import { runInNamespaces } from './in-namespaces.ts';

describe('hostname', () => {
  it('is set in the own UTS namespace, whatever bytes it has', () => {
    const body = `
      setHostname('pod-1'); const plain = hostname();
      setHostname('é'); const accent = hostname();
      let error; try { setHostname('x'.repeat(65)); } catch (e) { error = e.errno; }
      console.log(plain, accent, error);`;
    expect(runInNamespaces(['-u'], { hostname: 'setHostname', 'node:os': 'hostname' }, body)).toBe('pod-1 é EINVAL\n');
  });
});

describe('link', () => {
  it('brings lo up, twice without harm, and names a link that is not there', () => {
    const body = `
      const flags = () => Number(readFileSync('/sys/class/net/lo/flags', 'utf8')) & 1;
      mount({ source: 'sysfs', target: '/sys', fstype: 'sysfs', flags: 0 });
      const before = flags(); bringLinkUp('lo'); bringLinkUp('lo');
      let error; try { bringLinkUp('nope0'); } catch (e) { error = e.message; }
      console.log(before, flags(), error);`;
    const imports = { link: 'bringLinkUp', mount: 'mount', 'node:fs': 'readFileSync' };
    expect(runInNamespaces(['-n', '-m'], imports, body)).toBe('0 1 ioctl SIOCGIFFLAGS nope0: ENODEV\n');
  });
});

describe('namespace', () => {
  it('gives the thread an own UTS namespace and takes it back', () => {
    const body = `
      const here = () => readlinkSync('/proc/thread-self/ns/uts');
      const fd = openSync('/proc/thread-self/ns/uts', 'r'); const old = here();
      unshare(CLONE_NEWUTS); const fresh = here(); setns(fd, CLONE_NEWUTS); const back = here();
      let error; try { setns(fd, CLONE_NEWIPC); } catch (e) { error = e.errno; }
      console.log(fresh !== old, back === old, error);`;
    const imports = { namespace: 'unshare, setns, CLONE_NEWUTS, CLONE_NEWIPC', 'node:fs': 'openSync, readlinkSync' };
    expect(runInNamespaces(['-u'], imports, body)).toBe('true true EINVAL\n');
  });
});

describe('session', () => {
  it('makes a session once, and tells that a file is no terminal', () => {
    const body = `
      // The child of fork, as the leader of no group, is the one that can do it.
      const of = () => readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ');
      const id = setsid(); const [, , group, session] = of();
      const errors = [];
      for (const call of [() => setsid(), () => setControllingTerminal(openSync('/dev/null', 'r'))]) {
        try { call(); } catch (e) { errors.push(e.errno); }
      }
      console.log(id === process.pid, Number(group) === id, Number(session) === id, ...errors);`;
    const imports = { session: 'setsid, setControllingTerminal', 'node:fs': 'openSync, readFileSync' };
    expect(runInNamespaces(['-u', '-f'], imports, body)).toBe('true true true EPERM ENOTTY\n');
  });
});

describe('prctl', () => {
  it('adopts orphans as a subreaper', () => {
    const body = `
      setChildSubreaper();
      // The shell's child outlives it, and is then ours.
      posixSpawn({ path: '/bin/sh', argv: ['sh', '-c', '(sleep 0.1; exit 9) & exit 4'], env: ['PATH=/bin'], stdio: [0, 1, 2] });
      const codes = [];
      while (codes.length < 2) {
        const ended = waitAny();
        if (ended === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
        else codes.push(exitCode(ended.status));
      }
      console.log(...codes);`;
    const imports = { prctl: 'setChildSubreaper', spawn: 'posixSpawn', wait: 'waitAny, exitCode' };
    expect(runInNamespaces(['-u'], imports, body)).toBe('4 9\n');
  });

  it('is not dumpable when told so', () => {
    // The kernel gives /proc/PID of such a process to root; a user of our own can tell.
    const body = `
      process.setgid(65534); process.setuid(65534);
      const before = statSync('/proc/self/environ').uid; setUndumpable();
      console.log(before, statSync('/proc/self/environ').uid);`;
    const imports = { prctl: 'setUndumpable', 'node:fs': 'statSync' };
    const [, after] = runInNamespaces(['-u'], imports, body).trim().split(' ');
    expect(after).toBe('0');
  });
});

describe('rlimit', () => {
  it('reads and sets both values', () => {
    const body = `
      const before = getRlimit(RLIMIT_NOFILE);
      setRlimit(RLIMIT_NOFILE, { soft: 500n, hard: 700n });
      const after = getRlimit(RLIMIT_NOFILE);
      const errors = [];
      for (const call of [() => setRlimit(RLIMIT_NOFILE, { soft: 2n, hard: 1n }), () => getRlimit(99)]) {
        try { call(); } catch (e) { errors.push(e.errno); }
      }
      console.log(before.hard >= before.soft, after.soft, after.hard, ...errors);`;
    const imports = { rlimit: 'getRlimit, setRlimit, RLIMIT_NOFILE' };
    expect(runInNamespaces(['-u'], imports, body)).toBe('true 500n 700n EINVAL EINVAL\n');
  });
});

describe('powerOff', () => {
  it('ends the pid namespace of its caller', () => {
    const imports = { reboot: 'powerOff' };
    // reboot(2): power-off in a pid namespace kills its init by SIGINT, which unshare passes on as its own end.
    expect(() => runInNamespaces(['-p', '-f'], imports, `powerOff(); console.log('still here');`)).toThrow(
      /signal SIGINT|status 130/,
    );
  });
});
