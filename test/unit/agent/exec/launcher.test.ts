import { describe, expect, it } from 'vitest';
import { besideContainer } from './lab-process.ts';

/** What a process is born with, as far as a shell in the container can tell. */
const SHOW = [
  'grep -E "^(Umask|Uid|Gid|Groups|SigPnd|SigBlk|SigIgn|SigCgt|Cap.*|NoNewPrivs|Seccomp):" /proc/self/status',
  'cat /proc/self/limits /proc/self/oom_score_adj /proc/self/personality /proc/self/coredump_filter',
  'for n in mnt pid net uts ipc cgroup user time; do readlink /proc/self/ns/$n; done',
  'env; umask; pwd; id; tty',
  'stat -c "%u %g %a %t:%T" -L /proc/self/fd/0; ls /proc/self/fd',
  // 18 priority, 19 nice, 40 real-time priority, 41 policy.
  'cut -d" " -f18,19,40,41 /proc/$$/stat',
].join('\n');

const WEB = "{ kind: 'names', user: 'web', group: '', groups: ['7'] }";
const STRANGER = "{ kind: 'numbers', uid: 1234, gid: 55, groups: [1, 50] }";
// Limits of root's processes alone: another user's are raised by CAP_SYS_RESOURCE, which a test machine may lack.
const CASES: readonly (readonly [string, string])[] = [
  [
    'root',
    "{ rlimits: [{ type: 'RLIMIT_NOFILE', soft: 100n, hard: 200n }, { type: 'RLIMIT_CORE', soft: 0n, hard: 1n }] }",
  ],
  ['a named user', `{ user: ${WEB} }`],
  ['a user without a name', `{ user: ${STRANGER}, env: ['PATH=/bin', 'HOME=/tmp', 'A=b c'] }`],
  ['a directory that is closed to the user', `{ user: ${WEB}, cwd: '/secret', umask: 0o77 }`],
  ['a score and no new privileges', '{ oomScoreAdj: 77, noNewPrivileges: true }'],
  ['inheritable capabilities', "{ capabilities: capabilities(['CAP_CHOWN']) }"],
  ['ambient capabilities', `{ user: ${WEB}, capabilities: capabilities(['CAP_NET_RAW']) }`],
  ['no capabilities', '{ capabilities: { bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] } }'],
  ['a terminal', `{ user: ${WEB}, terminal: { rows: 40, columns: 100 } }`],
];

describe('a process', () => {
  it.each(CASES)('is born with what crun gives it: %s', (_what, more) => {
    const [ours, theirs] = besideContainer<readonly string[]>(`
      await lab.launcher.prewarm(lab.plan([], ${more}));
      const script = ${JSON.stringify(SHOW)};
      const show = async (starter) => (await lab.run(starter, ['sh', '-c', script], ${more})).out;
      return [await show(lab.launcher), await show(lab.crun)];`);
    expect(ours).toBe(theirs);
    expect(ours).toMatch(/CapBnd:\t[0-9a-f]{16}/);
  });

  it('leads a session, in the cgroup of the container as of now, with a home directory', () => {
    const got = besideContainer<Record<string, string>>(`
      fs.mkdirSync(lab.cgroupFile('below'));
      fs.writeFileSync(lab.cgroupFile('below/cgroup.procs'), String(lab.target.initPid));
      const { joinFiles } = await source('src/agent/container/cgroup-membership.ts');
      lab.target = { ...lab.target, cgroups: joinFiles(lab.target.initPid) };
      const nothing = fs.openSync('/dev/null', 'r+');
      const request = { target: lab.target, plan: lab.plan(['sleep', '100']), stdio: [nothing, nothing, nothing] };
      await lab.launcher.prewarm(request.plan);
      const { pid, ended } = await lab.launcher.start(request);
      const read = (file) => fs.readFileSync('/proc/' + pid + '/' + file, 'utf8');
      // The kernel lets its parent go on before it has the new environment in place.
      while (read('environ') === '') await sleep(1);
      const [, , group, session, tty] = read('stat').split(') ')[1].split(' ');
      const result = {
        leads: String(Number(group) === pid && Number(session) === pid && Number(tty) === 0),
        cgroup: read('cgroup').trim().split('\\n').at(-1).replace(/lab-\\d+/, 'lab'),
        environ: read('environ'),
      };
      process.kill(pid, 'SIGKILL');
      return { ...result, ended: JSON.stringify(await ended) };`);
    expect(got).toEqual({
      leads: 'true',
      cgroup: '0::/lab/below',
      environ: 'PATH=/bin\0HOME=/secret\0',
      ended: '{"kind":"signaled","signal":9}',
    });
  });

  it('has a terminal of the container, which controls its session and has its size and owner', () => {
    const { out } = besideContainer<{ out: string }>(`
      const more = { user: ${WEB}, terminal: { rows: 33, columns: 77 } };
      await lab.launcher.prewarm(lab.plan([]));
      const script = 'tty; stty size; stat -c "%u %g" $(tty); echo to it > /dev/tty; exec 3<>/dev/pts/0; kill -INT $$';
      return lab.run(lab.launcher, ['sh', '-c', script], more);`);
    expect(out).toBe('/dev/pts/0\n33 77\n1000 5\nto it\n');
  });

  it('opens its streams by path, whoever it is', () => {
    const { out } = besideContainer<{ out: string }>(`
      await lab.launcher.prewarm(lab.plan([]));
      return lab.run(lab.launcher, ['sh', '-c', 'echo by path > /proc/self/fd/1'], { user: ${WEB} });`);
    expect(out).toBe('by path\n');
  });
});

describe('a process that cannot be started', () => {
  it('is refused with the reason, in the words of crun or better, and leaves nothing', () => {
    const { texts, before, after, children } = besideContainer<{
      texts: Record<string, string>;
      before: number;
      after: number;
      children: string;
    }>(`
      fs.writeFileSync(lab.rootfs + '/bin/script', 'echo hi', { mode: 0o755 });
      fs.writeFileSync(lab.rootfs + '/bin/orphan', '#!/no/such\\n', { mode: 0o755 });
      spawnSync('mkfifo', ['-m', '755', lab.rootfs + '/bin/fifo']);
      fs.mkdirSync(lab.rootfs + '/bin/directory');
      await lab.launcher.prewarm(lab.plan([]));
      const texts = {};
      const attempt = async (what, args, more) => { texts[what] = await lab.attempt(lab.launcher, args, more); };
      await attempt('warm', ['true']);
      const before = lab.descriptors();
      for (const name of ['nope', '/no/such', 'directory', 'fifo', 'script', 'orphan', '/etc/passwd', '', './bin/nope']) {
        await attempt(name, [name]);
      }
      await attempt('long', ['true', 'x'.repeat(131072)]);
      await attempt('cwd', ['true'], { cwd: '/nope' });
      await attempt('cwd is a file', ['true'], { cwd: '/bin/busybox' });
      await attempt('user', ['true'], { user: { kind: 'names', user: 'bob', group: '', groups: [] } });
      await attempt('group', ['true'], { user: { kind: 'names', user: 'web', group: 'none', groups: [] } });
      await attempt('no devpts', ['true'], { terminal: { rows: 1, columns: 1 }, cwd: '/nope' });
      await attempt('forbidden', ['busybox'], { user: ${STRANGER}, env: ['PATH=/secret'] });
      lab.target = { ...lab.target, cgroups: [lab.cgroupFile('gone/cgroup.procs')] };
      await attempt('cgroup', ['true']);
      const children = fs.readdirSync('/proc/self/task').map((task) => {
        return fs.readFileSync('/proc/self/task/' + task + '/children', 'utf8').trim();
      });
      return { texts, before, after: lab.descriptors(), children: children.join('') };`);
    expect(texts).toEqual({
      warm: 'code 0',
      nope: 'the file nope was not found (exec, ENOENT)',
      '/no/such': 'the file /no/such was not found (exec, ENOENT)',
      directory: 'the file directory cannot be executed (exec, EACCES)',
      fifo: 'the file fifo cannot be executed (exec, EACCES)',
      script: 'the file script cannot be executed (exec, ENOEXEC)',
      orphan: 'the file orphan was not found (exec, ENOENT)',
      '/etc/passwd': 'the file /etc/passwd cannot be executed (exec, EACCES)',
      '': 'the file "" was not found (exec, ENOENT)',
      './bin/nope': 'the file ./bin/nope was not found (exec, ENOENT)',
      long: 'the file true cannot be executed (exec, E2BIG)',
      cwd: 'the working directory /nope was not found (cwd, ENOENT)',
      'cwd is a file': 'the working directory /bin/busybox cannot be used (cwd, ENOTDIR)',
      user: 'the user "bob" is unknown (user)',
      group: 'the user "web" in group "none" is unknown (user)',
      'no devpts': 'the working directory /nope was not found (cwd, ENOENT)',
      forbidden: 'the file busybox cannot be executed (exec, EACCES)',
      cgroup: expect.stringMatching(/^the process cannot be started: its cgroup: ENOENT.*\(cgroup, ENOENT\)$/),
    });
    // The container's first process is the one child that is left.
    expect(children).toMatch(/^\d*$/);
    expect(after).toBe(before);
  });

  it('is refused in a container that has ended', () => {
    const texts = besideContainer<readonly string[]>(`
      await lab.launcher.prewarm(lab.plan([]));
      const { initPid } = lab.target;
      process.kill(initPid, 'SIGKILL');
      await lab.reaper.waitFor(initPid);
      const numbers = { kind: 'numbers', uid: 0, gid: 0, groups: [] };
      const looked = await lab.launcher.resolve(lab.target, numbers).catch((error) => error.message);
      return [await lab.attempt(lab.launcher, ['true']), looked];`);
    const text = 'the process cannot be started: its container has ended (setup, ESRCH)';
    expect(texts).toEqual([text, text]);
  });
});

describe('the files of users', () => {
  it.each([
    ['a pipe', "spawnSync('mkfifo', [passwd])", 'cannot be looked up (user, EINVAL)'],
    ['endless', "fs.writeFileSync(passwd, 'x'.repeat(2 * 1024 * 1024))", 'cannot be looked up (user, EFBIG)'],
    ["another file of the agent's", "fs.symlinkSync('/proc/self/exe', passwd)", 'is unknown (user)'],
    [
      'a link out of the container',
      "fs.symlinkSync('/proc/1/root/etc/passwd', passwd)",
      'cannot be looked up (user, ELOOP)',
    ],
    ['missing', '', 'is unknown (user)'],
  ])('that are %s give no user and do no harm', (_what, make, text) => {
    const got = besideContainer<{ named: string; looked: string; home: string }>(`
      const passwd = lab.rootfs + '/etc/passwd';
      fs.rmSync(passwd);
      ${make};
      await lab.launcher.prewarm(lab.plan([]));
      const user = { kind: 'names', user: 'web', group: '', groups: [] };
      const looked = await lab.launcher.resolve(lab.target, user).catch((error) => error.message);
      const { out } = await lab.run(lab.launcher, ['env']);
      return { named: await lab.attempt(lab.launcher, ['true'], { user }), looked, home: out };`);
    expect(got).toEqual({
      named: `the user "web" ${text}`,
      looked: `the user "web" ${text}`,
      home: 'PATH=/bin\nHOME=/\n',
    });
  });

  it('are no matter of the runtime: a pipe there does not hold it up, and its processes have a home', () => {
    const homes = besideContainer<readonly string[]>(`
      const home = async () => (await lab.run(lab.crun, ['sh', '-c', 'echo $HOME'])).out.trim();
      const passwd = lab.rootfs + '/etc/passwd';
      const known = await home();
      fs.rmSync(passwd);
      spawnSync('mkfifo', [passwd]);
      return [known, await home()];`);
    expect(homes).toEqual(['/secret', '/']);
  });

  it('are read for the runtime too', () => {
    const user = besideContainer<unknown>(
      "return lab.launcher.resolve(lab.target, { kind: 'names', user: 'web', group: '', groups: ['more', '9'] });",
    );
    expect(user).toEqual({ uid: 1000, gid: 1001, groups: [50, 9], home: '/home/web' });
  });
});

describe('the threads', () => {
  it('start one process after the other, and leave nothing', () => {
    const got = besideContainer<Record<string, unknown>>(`
      await lab.launcher.prewarm(lab.plan([]));
      await lab.run(lab.launcher, ['true']);
      const before = lab.descriptors();
      const codes = new Set();
      for (let round = 0; round < 10; round += 1) {
        const more = round % 2 === 0 ? {} : { terminal: { rows: 1, columns: 1 } };
        const ten = Array.from({ length: 10 }, (_, n) => lab.run(lab.launcher, ['sh', '-c', 'exit ' + (n + round)], more));
        for (const [n, { code }] of (await Promise.all(ten)).entries()) codes.add(code - n - round);
      }
      const mount = fs.readlinkSync('/proc/self/ns/mnt');
      const here = fs.readdirSync('/proc/self/task').every((task) => {
        return fs.readlinkSync('/proc/self/task/' + task + '/ns/mnt') === mount;
      });
      return { codes: [...codes], grown: lab.descriptors() - before, here };`);
    expect(got).toEqual({ codes: [0], grown: 0, here: true });
  });

  it('know the end of a child that was killed and collected before anything was heard of it', () => {
    const got = besideContainer<readonly string[]>(`
      const nothing = fs.openSync('/dev/null', 'r+');
      await lab.launcher.prewarm(lab.plan([]));
      const start = (args) => {
        return lab.launcher.start({ target: lab.target, plan: lab.plan(args), stdio: [nothing, nothing, nothing] });
      };
      const killer = await start(['sh', '-c', 'while :; do for p in /proc/[0-9]*; do p=\${p#/proc/}; case $p in 1|'
        + '$$) ;; *) kill -KILL $p;; esac; done; done 2>/dev/null']);
      const lock = new Int32Array(new SharedArrayBuffer(4));
      const seen = new Set();
      for (let round = 0; round < 50; round += 1) {
        const started = start(['true']);
        await new Promise((resolve) => setImmediate(resolve));
        // Holds the agent up, while the thread makes the child and the container kills it.
        Atomics.wait(lock, 0, 0, 20);
        // As when the signal of another child comes first.
        process.emit('SIGCHLD', 'SIGCHLD');
        const { ended } = await started;
        const status = await Promise.race([ended, sleep(5000, { kind: 'never', code: 'told' }, { ref: false })]);
        seen.add(status.kind + ' ' + (status.code ?? status.signal));
      }
      process.kill(killer.pid, 'SIGKILL');
      await killer.ended;
      return [...seen];`);
    for (const end of got) expect(['exited 0', 'signaled 9']).toContain(end);
  });

  it('are not held up by a child that a container keeps stopping, and count one that it kills as started', () => {
    const got = besideContainer<Record<string, readonly string[]>>(`
      const nothing = fs.openSync('/dev/null', 'r+');
      await lab.launcher.prewarm(lab.plan([]));
      const results = {};
      for (const signal of ['STOP', 'KILL']) {
        const loop = 'while :; do for p in /proc/[0-9]*; do p=\${p#/proc/}; case $p in 1|'
          + '$$) ;; *) kill -' + signal + ' $p;; esac; done; done 2>/dev/null';
        const start = (args) => {
          return lab.launcher.start({ target: lab.target, plan: lab.plan(args), stdio: [nothing, nothing, nothing] });
        };
        const hostile = await start(['sh', '-c', loop]);
        const seen = new Set();
        for (let round = 0; round < 20; round += 1) {
          const { pid, ended } = await start(['true']);
          const wake = setInterval(() => { try { process.kill(pid, 'SIGCONT'); } catch {} }, 2);
          const status = await ended;
          clearInterval(wake);
          seen.add(status.kind + ' ' + (status.code ?? status.signal));
        }
        process.kill(hostile.pid, 'SIGKILL');
        await hostile.ended;
        results[signal] = [...seen];
      }
      return results;`);
    expect(got['STOP']).toEqual(['exited 0']);
    for (const end of got['KILL'] ?? ['none']) expect(['exited 0', 'signaled 9']).toContain(end);
  });

  it('that hang are left behind, and others serve', () => {
    const got = besideContainer<Record<string, unknown>>(`
      await lab.launcher.prewarm(lab.plan([]));
      await lab.run(lab.launcher, ['true']);
      const before = lab.descriptors();
      fs.writeFileSync(lab.cgroupFile('cgroup.freeze'), '1');
      const parked = await lab.attempt(lab.launcher, ['true']);
      fs.writeFileSync(lab.cgroupFile('cgroup.freeze'), '0');
      const next = await lab.attempt(lab.launcher, ['true']);
      for (let n = 0; n < 100 && lab.descriptors() > before; n += 1) await sleep(20);
      return { parked, next, grown: lab.descriptors() - before };`);
    expect(got).toEqual({
      parked: 'true was not executed within 5000 ms and was given up',
      next: 'code 0',
      grown: 0,
    });
  });
});
