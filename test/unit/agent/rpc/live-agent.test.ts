import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LiveAgent } from './live-agent.ts';

let live: LiveAgent;
beforeAll(async () => {
  live = await LiveAgent.start();
});
afterAll(() => live.stop());

/** Creates a container and hands its id on; removes it in the end. */
async function withContainer(id: string, script: string, use: (agent: LiveAgent['client']['agent']) => Promise<void>) {
  const { agent } = live.client;
  await agent.CreateContainer(live.request(id, script));
  try {
    await use(agent);
  } finally {
    await agent.RemoveContainer({ container_id: id }).catch(() => {});
  }
}

// The order of the parts is the order of a sandbox's life.
describe('sandbox', () => {
  const shm = (options: string[]) => ({
    driver: 'ephemeral',
    source: 'shm',
    fstype: 'tmpfs',
    mount_point: '/run/kata-containers/sandbox/shm',
    options,
  });

  it('undoes a creation that fails, so that another can follow', async () => {
    const bad = { driver: '9p', source: 'x', fstype: '9p', mount_point: '/run/kata-containers/x' };
    const { agent } = live.client;
    await expect(agent.CreateSandbox({ storages: [shm(['size=1m']), bad] })).rejects.toMatchObject({ status: 13 });
    await agent.CreateSandbox({ hostname: 'pod-1', sandbox_id: 'sb', storages: [shm(['size=2m', 'noexec'])] });
    const shmBind = { destination: '/dev/shm', source: shm([]).mount_point, type: 'bind', options: ['rbind'] };
    const { out } = await live.run('seen', 'hostname; pwd; grep /dev/shm /proc/mounts', {
      cwd: '/made/for/it',
      mounts: [shmBind],
    });
    expect(out.toString()).toMatch(/^pod-1\n\/made\/for\/it\nshm \/dev\/shm tmpfs rw,(\w+,)*size=2048k/);
  });

  it('is made once', async () => {
    await expect(live.client.agent.CreateSandbox({})).rejects.toMatchObject({ status: 9 });
  });

  it('answers what it does not have with UNIMPLEMENTED', async () => {
    await expect(live.client.agent.SetPolicy({})).rejects.toMatchObject({ status: 12 });
  });
});

describe('container', () => {
  it('gives both outputs and the exit code', async () => {
    const { code, out, err } = await live.run('both', 'echo out; echo err >&2; exit 7');
    expect([code, out.toString(), err.toString()]).toEqual([7, 'out\n', 'err\n']);
  });

  it('loses nothing of outputs of any size, run after run', async () => {
    for (let round = 0; round < 10; round += 1) {
      const size = round % 2 === 0 ? 1 : 65_536;
      const { out } = await live.run(`size-${round}`, `head -c ${size} /dev/zero`);
      expect(out).toHaveLength(size);
    }
  });

  it('ends its streams though a program in the background holds them, and lets its user open them by path', async () => {
    const { code, out } = await live.run('bg', 'sleep 100 & echo "$(id -u)" > /dev/stdout; exit 3', { uid: 1000 });
    expect([code, out.toString()]).toEqual([3, '1000\n']);
  });

  it.each([
    ['no such root', { root: '/no/such/root' }, '/no/such/root'],
    ['a root that is relative', { root: 'root' }, 'OCI.Root.Path: "root" is not absolute'],
    ['a file as working directory', { cwd: '/bin/busybox' }, 'chdir'],
    ['the root of the cgroups', { cgroupsPath: '/' }, 'Linux.CgroupsPath: "/"'],
  ])('refuses %s at its creation, and leaves nothing', async (_what, more, text) => {
    const { agent } = live.client;
    await expect(agent.CreateContainer(live.request('bad', 'exit', more))).rejects.toThrow(text);
    await expect(agent.StartContainer({ container_id: 'bad' })).rejects.toMatchObject({ status: 13 });
    expect((await live.run('bad', 'echo good')).out.toString()).toBe('good\n');
  });

  it('names a program that is missing', async () => {
    const request = live.request('missing', '');
    const OCI = { ...request.OCI, Process: { ...request.OCI?.Process, Args: ['/no/such/program'] } };
    await expect(live.client.agent.CreateContainer({ ...request, OCI })).rejects.toMatchObject({
      status: 13,
      message: 'the file /no/such/program was not found',
    });
  });

  it('is not touched by a second creation, and starts once', async () => {
    await withContainer('twice', 'echo once; sleep 100', async (agent) => {
      await expect(agent.CreateContainer(live.request('twice', ''))).rejects.toMatchObject({ status: 6 });
      const overlapping = live.request('other', '', { cgroupsPath: `/unit-${process.pid}-twice/below` });
      await expect(agent.CreateContainer(overlapping)).rejects.toThrow('overlaps with the one of container twice');
      await agent.StartContainer({ container_id: 'twice' });
      await expect(agent.StartContainer({ container_id: 'twice' })).rejects.toMatchObject({ status: 13 });
      const { data } = await agent.ReadStdout({ container_id: 'twice', len: 100 });
      expect(Buffer.from(data).toString()).toBe('once\n');
    });
  });

  it('that was never started can be killed, waited for and removed', async () => {
    await withContainer('unstarted', 'exit', async (agent) => {
      const waiting = agent.WaitProcess({ container_id: 'unstarted' });
      await agent.SignalProcess({ container_id: 'unstarted', signal: 9 });
      expect(await waiting).toMatchObject({ status: 137 });
      await expect(agent.StartContainer({ container_id: 'unstarted' })).rejects.toThrow('before it was started');
      await expect(agent.WaitProcess({ container_id: 'unstarted' })).rejects.toMatchObject({ status: 5 });
    });
  });

  it.each([
    ['has a handler', 'trap "echo got it; exit 5" TERM; echo ready; while :; do sleep 0.01; done', 5, 'got it\n'],
    ['has none', 'echo ready; exec sleep 100', 137, ''],
  ])('takes SIGTERM when it %s', async (_what, script, code, last) => {
    await withContainer('term', script, async (agent) => {
      await agent.StartContainer({ container_id: 'term' });
      await agent.ReadStdout({ container_id: 'term', len: 100 });
      const waiting = Promise.all([1, 2, 3].map(() => agent.WaitProcess({ container_id: 'term' })));
      // Both are answered after the waits have begun: only those who wait at the exit are all told.
      await agent.SignalProcess({ container_id: 'term', signal: 0 });
      await agent.SignalProcess({ container_id: 'term', signal: 15 });
      const all = await waiting;
      expect(all.map(({ status }) => status)).toEqual([code, code, code]);
      // The status was asked for first; the output is still there.
      if (last !== '')
        expect(Buffer.from((await agent.ReadStdout({ container_id: 'term', len: 100 })).data).toString()).toBe(last);
    });
  });

  it('keeps its status and every byte when a caller goes away', async () => {
    await withContainer('gone', 'echo all of it; exit 4', async (agent) => {
      const leaver = await live.connect();
      const pending = Promise.allSettled([
        leaver.agent.WaitProcess({ container_id: 'gone' }),
        leaver.agent.ReadStdout({ container_id: 'gone', len: 100 }),
        leaver.agent.ReadStdout({ container_id: 'gone', len: 100 }),
      ]);
      // Answered after the calls before it on the same connection have begun.
      await leaver.agent.SignalProcess({ container_id: 'gone', signal: 0 });
      leaver.close();
      expect((await pending).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
      await agent.StartContainer({ container_id: 'gone' });
      expect((await live.readToEnd('gone', 'ReadStdout')).toString()).toBe('all of it\n');
      expect(await agent.WaitProcess({ container_id: 'gone' })).toMatchObject({ status: 4 });
    });
  });

  it('ends a program that reads its input when that is closed', async () => {
    await withContainer('reader', 'cat; echo over', async (agent) => {
      await agent.StartContainer({ container_id: 'reader' });
      const request = { container_id: 'reader', exec_id: 'reader' };
      await agent.CloseStdin(request);
      await agent.CloseStdin(request);
      expect((await live.readToEnd('reader', 'ReadStdout')).toString()).toBe('over\n');
      expect(await agent.WaitProcess(request)).toMatchObject({ status: 0 });
      await expect(agent.CloseStdin(request)).rejects.toMatchObject({ status: 5 });
      await expect(agent.CloseStdin({ container_id: 'nobody' })).rejects.toMatchObject({ status: 3 });
    });
  });

  it('answers all who wait when it is removed', async () => {
    await withContainer('waited', 'sleep 100', async (agent) => {
      await agent.StartContainer({ container_id: 'waited' });
      const waiting = agent.WaitProcess({ container_id: 'waited' });
      const reading = agent.ReadStdout({ container_id: 'waited', len: 1 });
      await agent.RemoveContainer({ container_id: 'waited', timeout: 30 });
      expect(await waiting).toMatchObject({ status: 137 });
      expect((await reading).data).toHaveLength(0);
      await expect(agent.RemoveContainer({ container_id: 'waited' })).rejects.toMatchObject({ status: 13 });
      await expect(agent.WaitProcess({ container_id: 'waited' })).rejects.toMatchObject({ status: 3 });
    });
  });

  it('shares the pid namespace of the first container when asked, while that lives', async () => {
    const { agent } = live.client;
    const shared = (id: string, script: string) => ({ ...live.request(id, script), sandbox_pidns: true });
    await expect(agent.CreateContainer(shared('late', 'exit'))).rejects.toThrow('has ended');
  });
});

describe('the end', () => {
  it('removes what runs, answers, and leaves', async () => {
    const { agent } = live.client;
    const exit = once(live.child, 'exit');
    await agent.CreateContainer(live.request('running', 'sleep 100'));
    await agent.StartContainer({ container_id: 'running' });
    await agent.DestroySandbox({});
    expect(await exit).toEqual([0, null]);
    for (const root of ['/sys/fs/cgroup', '/sys/fs/cgroup/unified']) {
      expect(existsSync(`${root}/unit-${process.pid}-running`)).toBe(false);
    }
  });
});
