import { describe, expect, it } from 'vitest';
import { Container } from '../../../src/host/container.ts';
import { UnaryStreams } from '../../../src/host/unary-streams.ts';
import { KataError } from '../../../src/wire/error.ts';
import { DEAF, type FakeAgentOptions, fakeAgent, hostOf, listeningVsock } from './fake-agent.ts';

function containerOf(options: FakeAgentOptions = {}, vsock = DEAF) {
  const agent = fakeAgent(options);
  const released: string[] = [];
  const release = () => {
    released.push('c1');
    return Promise.resolve();
  };
  const streams = new UnaryStreams(agent.client, { containerId: 'c1', execId: 'c1' });
  const defaults = { env: ['A=1', 'B=2'], cwd: '/work', user: { uid: 5, gid: 6, additionalGids: [7] } };
  const identity = { id: 'c1', defaults, terminal: false };
  const container = new Container(identity, streams, { ...hostOf(agent, vsock), release });
  return { agent, container, released };
}

describe('Container.exec()', () => {
  it('takes over from the container what is not said, by calls where nobody listens for streams', async () => {
    const { agent, container } = containerOf();
    const process = await container.exec({ command: ['id', '-u'] });
    expect(agent.calls).toEqual([
      [
        'ExecProcess',
        {
          container_id: 'c1',
          exec_id: process.execId,
          process: {
            Args: ['id', '-u'],
            Env: ['A=1', 'B=2'],
            Cwd: '/work',
            User: { UID: 5, GID: 6, AdditionalGids: [7] },
          },
          stdin_port: 0,
          stdout_port: 0,
          stderr_port: 0,
        },
      ],
    ]);
    expect([process.streamKind, process.terminal]).toEqual(['unary', false]);
  });

  it('says what it is told, and names the ports of its streams', async () => {
    const { vsock } = listeningVsock();
    const { agent, container } = containerOf({}, vsock);
    const process = await container.exec({
      command: ['sh'],
      env: ['B=3', 'C=4'],
      cwd: '/',
      user: 'web:staff',
      terminal: { rows: 24, columns: 80 },
    });
    expect(agent.calls[0]?.[1]).toMatchObject({
      string_user: { uid: 'web', gid: 'staff' },
      process: {
        Env: ['A=1', 'B=3', 'C=4'],
        Cwd: '/',
        Terminal: true,
        ConsoleSize: { Height: 24, Width: 80 },
        User: { UID: 5, GID: 6 },
      },
      stdin_port: 101,
      stdout_port: 102,
      stderr_port: 0,
    });
    expect([process.streamKind, process.terminal]).toEqual(['passfd', true]);
    // For agents that do not look into the request.
    const size = { container_id: 'c1', exec_id: process.execId, row: 24, column: 80 };
    expect(agent.calls.slice(1)).toEqual([['TtyWinResize', size]]);
    process.drop();
  });

  it.each([
    ['1:2', { UID: 1, GID: 2 }],
    ['1000', { UID: 1000, GID: 0 }],
    ['1:staff', { UID: 5, GID: 6, AdditionalGids: [7] }],
    ['4294967295', { UID: 5, GID: 6, AdditionalGids: [7] }],
  ])('gives the user %s in numbers too, where these are known here', async (user, User) => {
    const { agent, container } = containerOf();
    await container.exec({ command: ['id'], user });
    expect(agent.calls[0]?.[1]).toMatchObject({ process: { User } });
  });

  it('starts a program whose terminal is gone before its size was said again', async () => {
    const { container } = containerOf({ methods: { TtyWinResize: () => Promise.reject(new Error('no tty')) } });
    const process = await container.exec({ command: ['id'], terminal: { rows: 1, columns: 2 } });
    expect(process.terminal).toBe(true);
  });

  it('uses calls where they are asked for, and gives each process a name of its own', async () => {
    const { container } = containerOf({}, listeningVsock().vsock);
    const [first, second] = await Promise.all([
      container.exec({ command: ['a'], streams: 'unary' }),
      container.exec({ command: ['a'], streams: 'unary' }),
    ]);
    expect(first.streamKind).toBe('unary');
    expect(first.execId).not.toBe(second.execId);
  });

  it('fails where connections are asked for and nobody listens', async () => {
    const { agent, container } = containerOf();
    await expect(container.exec({ command: ['a'], streams: 'passfd' })).rejects.toMatchObject({
      code: 'ERR_FAILED_PRECONDITION',
    });
    expect(agent.calls).toEqual([]);
  });

  it("passes the agent's words on and drops the connections where the program cannot run", async () => {
    const { vsock, hosts } = listeningVsock();
    const methods = { ExecProcess: () => Promise.reject(new KataError('ERR_INTERNAL', 'the file x was not found')) };
    const { container } = containerOf({ methods }, vsock);
    await expect(container.exec({ command: ['x'] })).rejects.toThrow('the file x was not found');
    expect([...hosts.values()].map(({ destroyed }) => destroyed)).toEqual([true, true, true]);
  });

  it.each([
    [{ command: [] }, /command/],
    [{ command: ['a'], user: 'a:b:c' }, /user "a:b:c"/],
    [{ command: ['a'], user: ':b' }, /user ":b"/],
    [{ command: ['a'], env: ['A'] }, /environment entry "A"/],
  ])('refuses %j', async (options, message) => {
    const { agent, container } = containerOf();
    await expect(container.exec(options)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT', message });
    expect(agent.calls).toEqual([]);
  });
});

describe('Container', () => {
  it('pauses and resumes', async () => {
    const { agent, container } = containerOf();
    await container.pause();
    await container.resume();
    const request = { container_id: 'c1' };
    expect(agent.calls).toEqual([
      ['PauseContainer', request],
      ['ResumeContainer', request],
    ]);
  });

  it('has its first process under its own name', async () => {
    const { agent, container } = containerOf();
    expect(await container.init.wait()).toBe(7);
    expect(agent.calls).toEqual([['WaitProcess', { container_id: 'c1', exec_id: 'c1' }]]);
  });

  it('kills all of itself, removes it, and gives its mounts back', async () => {
    const { agent, container, released } = containerOf();
    await container.remove();
    expect(agent.calls).toEqual([
      ['SignalProcess', { container_id: 'c1', exec_id: '', signal: 9 }],
      ['RemoveContainer', { container_id: 'c1' }],
    ]);
    expect(released).toEqual(['c1']);
  });
});
