import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import Long from 'long';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AgentClient } from '../../../../src/wire/ttrpc/agent-client.ts';
import { LiveAgent } from './live-agent.ts';

/** Only stops a hang (ms). */
const WARM_LIMIT_MS = 20_000;
/** For a line of the log to come by its own pipe (ms). */
const A_WHILE_MS = 100;
/** Processes that the runtime starts while the launcher's thread comes up, or while it is busy, out of hundreds. */
const MOST_BEFORE_THREAD = 60;

const C = 'host';
const ALL = ['CAP_CHOWN', 'CAP_KILL', 'CAP_NET_RAW', 'CAP_SETUID', 'CAP_SETGID'];

describe.each(['launcher', 'runtime'])('exec by the %s', (by) => {
  let live: LiveAgent;
  let agent: AgentClient['agent'];

  /** Why the runtime started processes so far, each. */
  const reasons = (): readonly string[] =>
    live
      .log()
      .filter(({ by: who }) => who === 'runtime')
      .map(({ reason }) => `${reason}`);

  beforeAll(async () => {
    live = await LiveAgent.start(by === 'launcher' ? '' : 'exec_launcher = "off"\n');
    ({ agent } = live.client);
    const capabilities = { Bounding: ALL, Effective: ALL, Permitted: ALL };
    const more = { Capabilities: capabilities, OOMScoreAdj: Long.fromNumber(321) };
    await agent.CreateContainer(live.request(C, 'sleep 1000', { process: more }));
    await agent.StartContainer({ container_id: C });
    // The thread that the launcher needs is started with the container, and is not awaited by an exec.
    const end = performance.now() + WARM_LIMIT_MS;
    for (let before = -1; by === 'launcher' && before < reasons().length && performance.now() < end; ) {
      before = reasons().length;
      await live.runExec({ container: C, args: ['sh', '-c', ':'] });
      await sleep(A_WHILE_MS);
    }
  });
  afterAll(async () => {
    await live.stop();
  });

  const sh = (script: string, more: object = {}) => live.runExec({ container: C, args: ['sh', '-c', script], ...more });

  it('gives both outputs and the exit code', async () => {
    const { code, out, err } = await sh('echo out; echo err >&2; exit 7');
    expect([code, out.toString(), err.toString()]).toEqual([7, 'out\n', 'err\n']);
  });

  it.each([0, 1, 125, 126, 127, 128, 255])('passes the exit code %i', async (code) => {
    expect((await sh(`exit ${code}`)).code).toBe(code);
  });

  it.each([1, 2, 6, 9, 15, 31])('gives death by signal %i as 128 and more', async (signal) => {
    expect((await sh(`kill -${signal} $$; sleep 100`)).code).toBe(128 + signal);
  });

  it('loses nothing of outputs of any size', async () => {
    for (const size of [1, 65_536, 1_048_576, 100_001]) {
      const { out, err } = await sh(`head -c ${size} /dev/zero >&2; head -c ${size} /dev/zero`);
      expect([out.length, err.length]).toEqual([size, size]);
    }
  });

  it('starts it with what the container’s own process has, where nothing else is asked for', async () => {
    const script =
      'grep -E "^(Cap|NoNewPrivs)" /proc/self/status; umask; cat /proc/self/oom_score_adj; ulimit -n; ulimit -Hn';
    const limits = [{ Type: 'RLIMIT_NOFILE', Soft: Long.fromNumber(300), Hard: Long.fromNumber(400) }];
    const { out } = await sh(script, { process: { Rlimits: limits } });
    const bits = '00000000000020e1';
    const lines = out.toString().trim().split('\n');
    expect(lines.slice(-4)).toEqual(['0022', '321', '300', '400']);
    expect(lines.find((line) => line.startsWith('CapBnd'))).toBe(`CapBnd:\t${bits}`);
    expect(lines.find((line) => line.startsWith('CapEff'))).toBe(`CapEff:\t${bits}`);
    expect(lines.find((line) => line.startsWith('NoNewPrivs'))).toBe('NoNewPrivs:\t0');
  });

  it('has exactly the environment, directory and descriptors of the request', async () => {
    const { out } = await sh('pwd; ls /proc/self/fd; env', {
      process: { Env: ['PATH=/bin', 'A= b ', 'A=c', 'none', 'HOME=/h'], Cwd: '/tmp' },
    });
    const lines = out.toString().trim().split('\n');
    expect(lines[0]).toBe('/tmp');
    // The last one is the directory that ls reads.
    expect(lines.slice(1, 5)).toEqual(['0', '1', '2', '3']);
    expect(
      lines
        .slice(5)
        .filter((line) => !/^(SHLVL|PWD|_|OLDPWD)=/.test(line))
        .toSorted(),
    ).toEqual(['A=c', 'HOME=/h', 'PATH=/bin']);
  });

  it('finds a program without a PATH of the request', async () => {
    const { out } = await sh('echo $PATH; echo $HOME', { process: { Env: [] } });
    expect(out.toString()).toBe('/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n/root\n');
  });

  it('is not held up by a pipe in the place of the container’s passwd', async () => {
    const passwd = `${live.rootfs}/etc/passwd`;
    renameSync(passwd, `${passwd}.kept`);
    execFileSync('mkfifo', [passwd]);
    try {
      expect((await sh('echo $HOME')).out.toString()).toBe('/\n');
    } finally {
      renameSync(`${passwd}.kept`, passwd);
    }
  });

  it('is in the container’s cgroup and namespaces', async () => {
    const { out } = await sh(
      'for n in mnt uts ipc pid net; do ls -l /proc/1/ns/$n /proc/self/ns/$n; done; head -n 99 /proc/1/cgroup /proc/self/cgroup | grep 0::',
    );
    const lines = out
      .toString()
      .trim()
      .split('\n')
      .map((line) => line.split(/[ ]/).at(-1));
    for (let at = 0; at < 10; at += 2) expect(lines[at]).toBe(lines[at + 1]);
    expect(lines[10]).toBe(lines[11]);
  });

  it('takes users by number and by the names of the container', async () => {
    const numbers = { process: { User: { UID: 7, GID: 8, AdditionalGids: [9, 10] } } };
    expect((await sh('id -u; id -g; id -G', numbers)).out.toString()).toBe('7\n8\n8 9 10\n');
    const named = await sh('id -u; id -g; id -G; echo $HOME; echo over > /dev/stdout', { user: { uid: 'user' } });
    expect(named.out.toString()).toBe('1000\n1001\n1001 1002\n/home/user\nover\n');
    const grouped = await sh('id -u; id -g', { user: { uid: '1000', gid: 'extra' } });
    expect(grouped.out.toString()).toBe('1000\n1002\n');
    await expect(sh('id', { user: { uid: 'nobody-here' } })).rejects.toMatchObject({
      status: 13,
      message: expect.stringContaining('nobody-here'),
    });
  });

  it.each([
    ['a missing program', { args: ['/no/such'] }, 'the file /no/such was not found (exec, ENOENT)'],
    ['one that PATH does not have', { args: ['nosuch'] }, 'the file nosuch was not found (exec, ENOENT)'],
    ['a directory', { args: ['/tmp'] }, 'the file /tmp cannot be executed (exec, EACCES)'],
    ['a file that is no program', { args: ['/etc/passwd'] }, 'the file /etc/passwd cannot be executed (exec, EACCES)'],
    [
      'a program without a form',
      { args: ['/tmp/formless'] },
      'the file /tmp/formless cannot be executed (exec, ENOEXEC)',
    ],
    [
      'a missing directory',
      { args: ['id'], process: { Cwd: '/no' } },
      'the working directory /no was not found (cwd, ENOENT)',
    ],
    [
      'a file as directory',
      { args: ['id'], process: { Cwd: '/bin/busybox' } },
      'the working directory /bin/busybox cannot be used (cwd, ENOTDIR)',
    ],
    [
      'an argument that is too long',
      { args: ['id', 'x'.repeat(131_072)] },
      'the file id cannot be executed (exec, E2BIG)',
    ],
  ])('names %s, and leaves nothing', async (_what, exec, message) => {
    await sh('echo text > /tmp/formless; chmod 755 /tmp/formless; busybox chmod 755 /tmp/formless');
    const id = 'fails';
    await expect(live.exec({ container: C, id, ...exec })).rejects.toMatchObject({ status: 13, message });
    await expect(agent.WaitProcess({ container_id: C, exec_id: id })).rejects.toMatchObject({ status: 5 });
    expect((await live.runExec({ container: C, id, args: ['sh', '-c', 'echo $0'] })).out.toString()).toBe('sh\n');
  });

  it('takes the longest argument that the kernel takes', async () => {
    const { out } = await live.runExec({
      container: C,
      args: ['sh', '-c', 'echo "$1" | wc -c', 'sh', 'x'.repeat(131_071)],
    });
    expect(out.toString()).toBe('131072\n');
  });

  it.each([
    ['no process', { process: null }, 'process: null is missing'],
    ['no arguments', { process: {} }, 'Process.Args: [] names no program'],
    ['a relative directory', { process: { Args: ['id'], Cwd: 'tmp' } }, 'Process.Cwd: "tmp" is not absolute'],
    ['no exec id', { exec_id: '' }, 'exec_id: "" is not an exec id'],
    ['a bad exec id', { exec_id: '../x' }, 'exec_id: "../x" is not an exec id'],
    ['the key of the first process', { exec_id: C }, `exec_id '${C}' already exists`],
    ['an unknown container', { container_id: 'nobody' }, 'Invalid container id "nobody"'],
    [
      'a terminal that is too high',
      { process: { Args: ['id'], Terminal: true, ConsoleSize: { Height: 65_536 } } },
      'Process.ConsoleSize rows: 65536 is above 65535',
    ],
  ])('refuses %s', async (_what, more, message) => {
    const request = { container_id: C, exec_id: 'bad', process: { Args: ['id'] }, ...more };
    await expect(agent.ExecProcess(request)).rejects.toMatchObject({ status: 13, message });
  });

  it('keeps an exec id in use until its status was collected, and then frees it', async () => {
    const id = 'once';
    await live.exec({ container: C, id, args: ['sh', '-c', 'echo one'] });
    const again = live.exec({ container: C, id, args: ['id'] });
    await expect(again).rejects.toMatchObject({ status: 13, message: "exec_id 'once' already exists" });
    expect(await agent.WaitProcess({ container_id: C, exec_id: id })).toMatchObject({ status: 0 });
    // Collected first, and still readable; the next one under this key has its own.
    expect((await live.readToEnd(C, 'ReadStdout', id)).toString()).toBe('one\n');
    expect((await live.runExec({ container: C, id, args: ['sh', '-c', 'echo two'] })).out.toString()).toBe('two\n');
  });

  it('ends though a program in the background holds its streams, also for reads that come later', async () => {
    const { out, code } = await sh('sleep 999 & echo hi');
    expect([code, out.toString()]).toEqual([0, 'hi\n']);
    const id = await live.exec({ container: C, args: ['sh', '-c', 'sleep 998 & echo hi; exit 3'] });
    expect(await agent.WaitProcess({ container_id: C, exec_id: id })).toMatchObject({ status: 3 });
    expect((await live.readToEnd(C, 'ReadStdout', id)).toString()).toBe('hi\n');
    expect(
      (await sh('for p in /proc/[0-9]*; do head -c 99 $p/cmdline; echo; done | grep -c "sleep.99[89]"')).out.toString(),
    ).toBe('2\n');
    await sh(
      'for p in /proc/[0-9]*; do grep -q "sleep.99[89]" $p/cmdline && kill -9 "$(head -c 9 $p/stat | grep -o "^[0-9]*")"; done',
    );
  });

  it('passes its input on, all of it, and then the end', async () => {
    const id = await live.exec({ container: C, args: ['cat'] });
    const where = { container_id: C, exec_id: id };
    const chunk = Buffer.alloc(300_000, 'x');
    const reading = live.readToEnd(C, 'ReadStdout', id);
    for (let round = 0; round < 5; round += 1) {
      expect(await agent.WriteStdin({ ...where, data: chunk })).toMatchObject({ len: chunk.length });
    }
    const last = agent.WriteStdin({ ...where, data: chunk });
    await Promise.all([last, agent.CloseStdin(where)]);
    await agent.CloseStdin(where);
    await expect(agent.WriteStdin({ ...where, data: chunk })).rejects.toMatchObject({
      status: 13,
      message: expect.stringContaining('Cannot get writer'),
    });
    expect(await reading).toHaveLength(6 * chunk.length);
    expect(await agent.WaitProcess(where)).toMatchObject({ status: 0 });
    await expect(agent.WriteStdin({ ...where, data: chunk })).rejects.toMatchObject({ status: 13 });
    await expect(agent.WriteStdin({ container_id: 'nobody', data: chunk })).rejects.toMatchObject({ status: 13 });
  });

  it('ends a write that waits when the process has exited, though another holds the pipe', async () => {
    const id = await live.exec({ container: C, args: ['sh', '-c', 'sleep 997 & echo; read line'] });
    const where = { container_id: C, exec_id: id };
    await agent.ReadStdout({ ...where, len: 1 });
    const writing = agent.WriteStdin({ ...where, data: Buffer.alloc(200_000) });
    const failed = expect(writing).rejects.toMatchObject({ status: 13 });
    await agent.SignalProcess({ ...where, signal: 9 });
    await failed;
    expect(await agent.WaitProcess(where)).toMatchObject({ status: 137 });
  });

  it('closes its input by an empty write', async () => {
    const id = await live.exec({ container: C, args: ['wc', '-c'] });
    const where = { container_id: C, exec_id: id };
    await agent.WriteStdin({ ...where, data: Buffer.from('12345') });
    expect(await agent.WriteStdin({ ...where, data: Buffer.alloc(0) })).toMatchObject({ len: 0 });
    expect((await live.finish(C, id)).out.toString()).toBe('5\n');
  });

  describe('with a terminal', () => {
    const TTY = { Terminal: true, ConsoleSize: { Height: 33, Width: 101 } };
    const tty = (script: string, more = {}) => sh(script, { process: { ...TTY, ...more } });

    it('has its size before it runs, every time', async () => {
      const sizes = await Promise.all(Array.from({ length: 50 }, async () => (await tty('stty size')).out.toString()));
      expect(new Set(sizes)).toEqual(new Set(['33 101\r\n']));
    });

    it('has the size before it runs, and leads its session', async () => {
      const { out, code } = await tty(
        'stty size; tty; set -- $(cat /proc/$$/stat); [ $1 = $6 ] && [ $7 != 0 ] && echo leader; exit 4',
      );
      expect([code, out.toString()]).toEqual([4, '33 101\r\n/dev/pts/0\r\nleader\r\n']);
    });

    it('belongs to its user', async () => {
      const { out } = await tty('echo here > $(tty); echo there > /dev/tty', { User: { UID: 1000 } });
      expect(out.toString()).toBe('here\r\nthere\r\n');
    });

    it('takes new sizes, and tells the program', async () => {
      const script = 'trap "stty size; exit" WINCH; echo ready; while :; do sleep 0.01; done';
      const id = await live.exec({ container: C, args: ['sh', '-c', script], process: TTY });
      const where = { container_id: C, exec_id: id };
      await agent.ReadStdout({ ...where, len: 100 });
      await agent.TtyWinResize({ ...where, row: 11, column: 22 });
      expect((await live.readToEnd(C, 'ReadStdout', id)).toString()).toBe('11 22\r\n');
      // It has gone, and its status was not asked for yet.
      await agent.TtyWinResize({ ...where, row: 0, column: 0 });
      const huge = agent.TtyWinResize({ ...where, row: 1, column: 65_536 });
      await expect(huge).rejects.toThrow('TtyWinResize columns: 65536 is above 65535');
      await agent.WaitProcess(where);
      await expect(agent.TtyWinResize({ ...where, row: 1, column: 1 })).rejects.toMatchObject({ status: 5 });
      const none = agent.TtyWinResize({ container_id: C, exec_id: C, row: 1, column: 1 });
      await expect(none).rejects.toMatchObject({ status: 14, message: 'no tty' });
    });

    it('gets the end of its input as a key, and stays open', async () => {
      const id = await live.exec({
        container: C,
        args: ['sh', '-c', 'cat; echo between; cat; stty size'],
        process: TTY,
      });
      const where = { container_id: C, exec_id: id };
      await agent.WriteStdin({ ...where, data: Buffer.from('first\n') });
      await agent.CloseStdin(where);
      await agent.CloseStdin(where);
      let text = '';
      while (!text.includes('between'))
        text += Buffer.from((await agent.ReadStdout({ ...where, len: 99 })).data).toString();
      await agent.WriteStdin({ ...where, data: Buffer.from('second') });
      await agent.CloseStdin(where);
      text += (await live.finish(C, id, true)).out.toString();
      expect(text.replaceAll('\r', '')).toBe('first\nfirst\nbetween\nsecondsecond33 101\n');
    });

    it('passes the interrupt key on to the foreground only', async () => {
      const script = 'trap "echo caught; exit 9" INT; echo ready; while :; do sleep 0.01; done';
      const id = await live.exec({ container: C, args: ['sh', '-c', script], process: TTY });
      const where = { container_id: C, exec_id: id };
      await agent.ReadStdout({ ...where, len: 100 });
      await agent.WriteStdin({ ...where, data: Buffer.from([3]) });
      const { code, out } = await live.finish(C, id, true);
      expect([code, out.toString()]).toEqual([9, '^Ccaught\r\n']);
    });

    it('loses nothing', async () => {
      const { out } = await tty('yes 0123456789 | head -n 20000');
      expect(out.toString()).toBe('0123456789\r\n'.repeat(20_000));
    });
  });

  it('gives signals to one process, and asks with 0 whether it is there', async () => {
    const id = await live.exec({
      container: C,
      args: ['sh', '-c', 'trap "echo once" USR1; echo; while :; do sleep 0.01; done'],
    });
    const where = { container_id: C, exec_id: id };
    await agent.ReadStdout({ ...where, len: 1 });
    await agent.SignalProcess({ ...where, signal: 0 });
    await agent.SignalProcess({ ...where, signal: 10 });
    expect(Buffer.from((await agent.ReadStdout({ ...where, len: 99 })).data).toString()).toBe('once\n');
    await expect(agent.SignalProcess({ ...where, signal: 65 })).rejects.toThrow('signal: 65 is no signal');
    await expect(agent.SignalProcess({ ...where, signal: 4_294_967_295 })).rejects.toThrow('signal: 4294967295');
    await agent.SignalProcess({ ...where, signal: 15 });
    expect((await live.finish(C, id)).code).toBe(143);
    await expect(agent.SignalProcess({ ...where, signal: 9 })).rejects.toMatchObject({ status: 5 });
    await expect(agent.SignalProcess({ container_id: C, exec_id: 'nobody', signal: 9 })).rejects.toMatchObject({
      status: 5,
    });
    expect((await sh('echo alive')).out.toString()).toBe('alive\n');
  });

  it('waits for a start with what is meant for the process', async () => {
    const starting = live.exec({ container: C, id: 'overtaken', args: ['sleep', '100'] });
    const killing = agent.SignalProcess({ container_id: C, exec_id: 'overtaken', signal: 9 });
    await Promise.all([starting, killing]);
    expect(await agent.WaitProcess({ container_id: C, exec_id: 'overtaken' })).toMatchObject({ status: 137 });
  });

  it('says that a container is paused, and goes on when it is resumed', async () => {
    await agent.PauseContainer({ container_id: C });
    await expect(agent.PauseContainer({ container_id: C })).rejects.toMatchObject({ status: 13 });
    await expect(sh('id')).rejects.toMatchObject({ status: 13, message: `container ${C} is paused` });
    await agent.ResumeContainer({ container_id: C });
    await expect(agent.ResumeContainer({ container_id: C })).rejects.toMatchObject({ status: 13 });
    expect((await sh('echo on')).out.toString()).toBe('on\n');
  });

  it('gives its own code to each of many at a time, and leaves no descriptor', async () => {
    const fds = (): number => readdirSync(`/proc/${live.agentPid()}/fd`).length;
    await sh('exit');
    const before = fds();
    const codes = await Promise.all(
      Array.from({ length: 40 }, async (_, code) => (await sh(`echo ${code}; exit ${code}`)).code),
    );
    expect(codes).toEqual(Array.from({ length: 40 }, (_, code) => code));
    for (let round = 0; round < 10; round += 1) await sh('stty size', { process: { Terminal: true } });
    expect(fds()).toBeLessThanOrEqual(before + 1);
  });

  it('lets go of the streams of processes whose output nobody reads', async () => {
    const fds = (): number => readdirSync(`/proc/${live.agentPid()}/fd`).length;
    const before = fds();
    for (let round = 0; round < 60; round += 1) {
      const id = await live.exec({ container: C, args: ['sh', '-c', 'echo unread; echo unread >&2'] });
      await agent.WaitProcess({ container_id: C, exec_id: id });
    }
    expect(fds()).toBeLessThanOrEqual(before + 65);
  });

  it('is refused at once in a container that has ended, and ends with one that is removed', async () => {
    await agent.CreateContainer(live.request('short', 'sleep 100'));
    // One that was not started yet can be joined.
    expect((await live.runExec({ container: 'short', args: ['sh', '-c', 'echo early'] })).out.toString()).toBe(
      'early\n',
    );
    await agent.StartContainer({ container_id: 'short' });
    const id = await live.exec({ container: 'short', args: ['sleep', '100'] });
    const waiting = agent.WaitProcess({ container_id: 'short', exec_id: id });
    await agent.SignalProcess({ container_id: 'short', signal: 9 });
    expect(await waiting).toMatchObject({ status: 137 });
    await agent.WaitProcess({ container_id: 'short' });
    await expect(live.exec({ container: 'short', args: ['id'] })).rejects.toMatchObject({
      status: 13,
      message: 'container short has ended',
    });
    await agent.RemoveContainer({ container_id: 'short' });
    await agent.CreateContainer(live.request('short', 'sleep 100'));
    await agent.StartContainer({ container_id: 'short' });
    const second = await live.exec({ container: 'short', args: ['sleep', '100'] });
    const killed = agent.WaitProcess({ container_id: 'short', exec_id: second });
    await agent.RemoveContainer({ container_id: 'short' });
    expect(await killed).toMatchObject({ status: 137 });
  });

  it('follows the first process to the cgroup where it is now', async () => {
    const own = `/proc/${live.agentPid()}/root/sys/fs/cgroup/unit-${process.pid}-moved`;
    await agent.CreateContainer(live.request('moved', 'sleep 100'));
    try {
      await agent.StartContainer({ container_id: 'moved' });
      const init = readFileSync(`${own}/cgroup.procs`, 'utf8').trim();
      mkdirSync(`${own}/below/deep`, { recursive: true });
      writeFileSync(`${own}/below/deep/cgroup.procs`, init);
      const args = ['sh', '-c', 'sleep 0.3; grep 0:: /proc/self/cgroup'];
      expect((await live.runExec({ container: 'moved', args })).out.toString()).toMatch(/\/below\/deep\n$/);
    } finally {
      await agent.RemoveContainer({ container_id: 'moved' });
    }
    expect(existsSync(own)).toBe(false);
  });

  it('does not lose a kill that overtakes a start', async () => {
    const making = agent.CreateContainer(live.request('killed', 'sleep 100'));
    const [made] = await Promise.allSettled([making, agent.SignalProcess({ container_id: 'killed', signal: 9 })]);
    // The runtime may have been in the middle of it.
    if (made.status === 'fulfilled') {
      expect(await agent.WaitProcess({ container_id: 'killed' })).toMatchObject({ status: 137 });
      await agent.RemoveContainer({ container_id: 'killed' });
    }

    await agent.CreateContainer(live.request('killed', 'sleep 100'));
    await agent.StartContainer({ container_id: 'killed' });
    const starting = live.exec({ container: 'killed', id: 'late', args: ['sleep', '100'] });
    const [started] = await Promise.allSettled([starting, agent.SignalProcess({ container_id: 'killed', signal: 9 })]);
    // It may have come to nothing; it must not live on.
    const end = agent.WaitProcess({ container_id: 'killed', exec_id: 'late' });
    if (started.status === 'fulfilled') expect(await end).toMatchObject({ status: 137 });
    else await expect(end).rejects.toMatchObject({ status: 5 });
    await agent.RemoveContainer({ container_id: 'killed' });

    await agent.CreateContainer(live.request('killed', 'sleep 100'));
    await agent.StartContainer({ container_id: 'killed' });
    const joining = live.exec({ container: 'killed', args: ['sleep', '100'] });
    const outcomes = await Promise.allSettled([joining, agent.RemoveContainer({ container_id: 'killed' })]);
    expect(outcomes[1].status).toBe('fulfilled');
    expect(existsSync(`/proc/${live.agentPid()}/root/sys/fs/cgroup/unit-${process.pid}-killed`)).toBe(false);
  });

  it('gives the first process of a container a terminal', async () => {
    const terminal = { Terminal: true, ConsoleSize: { Height: 5, Width: 66 } };
    const script = 'stty size; echo here > /dev/pts/0; tty; read line; echo "got $line"; exit 6';
    const process = { Args: ['sh', '-c', script], User: { UID: 1000 }, ...terminal };
    await agent.CreateContainer(live.request('tty', '', { process }));
    try {
      await agent.TtyWinResize({ container_id: 'tty', exec_id: 'tty', row: 7, column: 77 });
      await agent.StartContainer({ container_id: 'tty' });
      await agent.WriteStdin({ container_id: 'tty', exec_id: 'tty', data: Buffer.from('words\n') });
      const { code, out } = await live.finish('tty', 'tty', true);
      const text = out
        .toString()
        .replaceAll('\r', '')
        .replace(/^words\n/m, '');
      expect([code, text]).toEqual([6, '7 77\nhere\n/dev/pts/0\ngot words\n']);
    } finally {
      await agent.RemoveContainer({ container_id: 'tty' });
    }
  });

  it('went that way, all of the time', () => {
    const own = by === 'launcher' ? /thread/ : /switched off/;
    expect(reasons().filter((reason) => !own.test(reason))).toEqual([]);
    if (by === 'runtime') expect(reasons().length).toBeGreaterThan(0);
    else expect(reasons().length).toBeLessThan(MOST_BEFORE_THREAD);
  });
});

describe('exec in a container whose rules a thread cannot keep', () => {
  let live: LiveAgent;
  beforeAll(async () => {
    live = await LiveAgent.start();
  });
  afterAll(() => live.stop());

  const last = () => live.log().findLast(({ by }) => by === 'runtime');

  it('is the runtime’s, with the filter of the container', async () => {
    const { agent } = live.client;
    const request = live.request('filtered', 'sleep 100');
    const filter = {
      DefaultAction: 'SCMP_ACT_ALLOW',
      Syscalls: [{ Names: ['mkdir', 'mkdirat'], Action: 'SCMP_ACT_ERRNO' }],
    };
    const OCI = { ...request.OCI, Linux: { ...request.OCI?.Linux, Seccomp: filter } };
    await agent.CreateContainer({ ...request, OCI });
    await agent.StartContainer({ container_id: 'filtered' });
    const args = ['sh', '-c', 'grep Seccomp: /proc/self/status; busybox mkdir /tmp/made'];
    const { out, err } = await live.runExec({ container: 'filtered', args });
    expect(out.toString()).toBe('Seccomp:\t2\n');
    expect(err.toString()).toContain('Operation not permitted');
    await expect.poll(last).toMatchObject({ reason: 'it has a seccomp filter' });
    await agent.RemoveContainer({ container_id: 'filtered' });
  });

  it('is the runtime’s from the time on when a process may look into others', async () => {
    const { agent } = live.client;
    await agent.CreateContainer(live.request('traced', 'sleep 100'));
    await agent.StartContainer({ container_id: 'traced' });
    const exec = { container: 'traced', args: ['sh', '-c', ':'] };
    const tracer = { Capabilities: { Bounding: ['CAP_SYS_PTRACE'], Permitted: ['CAP_SYS_PTRACE'] } };
    await live.runExec({ ...exec, process: tracer });
    await expect.poll(last).toMatchObject({ reason: 'a process of container traced may look into others' });
    await live.runExec(exec);
    await expect.poll(last).toMatchObject({ reason: 'a process of container traced may look into others' });
    await agent.RemoveContainer({ container_id: 'traced' });
  });
});
