/** Processes with a terminal: its size, its job control, and programs that paint the whole screen. */
import { execFile } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { describeBothWays } from '../support/both-ways.ts';
import { execIn, processesOf, rawExec } from '../support/exec.ts';
import { flatOf, guestState, settledState } from '../support/guest-state.ts';
import { until } from '../support/in-time.ts';
import { readUntilEmpty } from '../support/shim-readers.ts';
import { countFor, report, secondsSince } from '../support/soak.ts';
import { TerminalSession } from '../support/terminal.ts';

const SIZE = { rows: 33, columns: 101 };
/** Prompt of the shells below, which nothing else prints. */
const PROMPT = '@@';
const SHELL = { command: ['sh', '-i'], env: [`PS1=${PROMPT}`, 'TERM=xterm'], terminal: SIZE };
const CTRL_C = '\x03';
const CTRL_D = '\x04';
const CTRL_Z = '\x1a';
const ESCAPE = '\x1b';
/** Each look at tmux's screen waits so long for the next one (ms); how often it looks is not limited. */
const SCREEN_INTERVAL_MS = 100;

const run = promisify(execFile);
const BIN = fileURLToPath(new URL('../../../src/cli/bin/kata-sandbox', import.meta.url));

/** tmux with a server of its own. */
async function tmux(name: string, ...args: string[]): Promise<string> {
  return (await run('tmux', ['-L', name, '-f', '/dev/null', ...args])).stdout;
}

describeBothWays('terminal', (guest, way) => {
  it.each(['passfd', 'unary'] as const)('has its size before the program runs, by %s', async (streams) => {
    const { code, stdout, stderr } = await execIn(guest().container, ['stty', 'size'], { terminal: SIZE, streams });
    expect([code, stdout.toString(), stderr.toString()]).toEqual([0, '33 101\r\n', '']);
  });

  it('takes a size of nothing and the real one a call later, as shims do', async () => {
    const { calls } = guest().sandbox;
    const process = { Terminal: true, ConsoleSize: { Height: 0, Width: 0 } };
    const ref = await rawExec(guest(), ['sh', '-c', 'read line; stty size'], process);
    await calls.agent.TtyWinResize({ ...ref, row: 24, column: 80 });
    await calls.agent.WriteStdin({ ...ref, data: Buffer.from('go\n') });
    expect((await readUntilEmpty(calls, ref, 'ReadStdout')).data.toString()).toBe('go\r\n24 80\r\n');
    // The process has ended, but its status was not collected: a shim that is late with a size must not fail.
    await calls.agent.TtyWinResize({ ...ref, row: 25, column: 80 });
    expect((await calls.agent.WaitProcess(ref)).status).toBe(0);
  });

  it('has no size to set without a terminal', async () => {
    const { calls } = guest().sandbox;
    const ref = await rawExec(guest(), ['cat']);
    await expect(calls.agent.TtyWinResize({ ...ref, row: 1, column: 1 })).rejects.toMatchObject({
      code: 'ERR_UNAVAILABLE',
      message: expect.stringMatching(/no tty/),
    });
    await calls.agent.CloseStdin(ref);
    expect((await calls.agent.WaitProcess(ref)).status).toBe(0);
  });

  it('loses nothing while it is resized during output', async () => {
    const times = countFor(way, 100, 1000);
    const last = times * 4;
    const script = `seq 1 ${last}; read line; stty size`;
    const began = performance.now();
    const session = await TerminalSession.start(guest().container, { command: ['sh', '-c', script], terminal: SIZE });
    for (let turn = 1; turn <= times; turn += 1)
      await session.process.resize({ rows: 10 + (turn % 50), columns: turn + 20 });
    await session.process.resize({ rows: 44, columns: 77 });
    await session.until(`\n${last}\r\n`);
    session.send('go\n');
    expect(await session.wait()).toBe(0);
    const lines = Array.from({ length: last }, (_, index) => `${index + 1}\r\n`).join('');
    expect(session.output).toBe(`${lines}go\r\n44 77\r\n`);
    report({ subject: 'resizes during output', way, count: times, result: `all lines whole, ${secondsSince(began)}` });
  });

  it('leads a session with a controlling terminal: Ctrl-C and Ctrl-Z reach the foreground job only', async () => {
    const { container } = guest();
    const shell = await TerminalSession.start(container, SHELL);
    await shell.until(PROMPT);
    await shell.ask('sleep 7001 &\n', PROMPT);
    shell.send('sleep 7002; echo st""opped=$?\n');
    await until('sleep 7002', async () => (await processesOf(container, 'sleep 7002')).length > 0);
    await shell.ask(CTRL_C, PROMPT);
    await shell.ask('echo aft""er\n', 'after');
    expect(await processesOf(container, 'sleep 7001')).toHaveLength(1);
    expect(await processesOf(container, 'sleep 7002')).toEqual([]);
    shell.send('sleep 7003\n');
    await until('sleep 7003', async () => (await processesOf(container, 'sleep 7003')).length > 0);
    await shell.ask(CTRL_Z, /Stopped[\s\S]*@@/);
    await shell.ask('jobs\n', /Stopped[\s\S]*sleep 7003/);
    await shell.ask('tty; echo x >/dev/tty\n', /\/dev\/pts\/\d+\r\nx\r\n/);
    await shell.ask('kill -9 %1 %2; wait\n', PROMPT);
    shell.send('exit 5\n');
    expect(await shell.wait()).toBe(5);
    report({ subject: 'Ctrl-C and Ctrl-Z at a shell', way, count: 1, result: 'the foreground job only' });
  });

  it('ends a shell by its end-of-file character', async () => {
    const shell = await TerminalSession.start(guest().container, SHELL);
    await shell.until(PROMPT);
    shell.send(CTRL_D);
    expect(await shell.wait()).toBe(0);
  });

  it('carries the keys and the screen of an editor', async () => {
    const { container } = guest();
    const vi = await TerminalSession.start(container, {
      command: ['vi', '/tmp/edited'],
      env: ['TERM=xterm'],
      terminal: { rows: 12, columns: 60 },
    });
    // Busybox's vi clears the screen and puts its status on the last of the lines that the terminal has.
    await vi.until(/\[12;1H[\s\S]*\/tmp\/edited/);
    await vi.ask('ifirst line\rsecond', 'second');
    // By itself: with more keys behind it, it would be the start of a key's sequence. The status has the mode in front.
    await vi.ask(ESCAPE, /- \/tmp\/edited \[Modified\]/);
    vi.send(':wq\r');
    expect(await vi.wait()).toBe(0);
    expect((await execIn(container, ['cat', '/tmp/edited'])).stdout.toString()).toBe('first line\nsecond\n');
  });

  it('shows a full-screen program of busybox in tmux, by the command line', async ({ signal, onTestFinished }) => {
    const { sandbox, container } = guest();
    const name = sandbox.id;
    const screen = (): Promise<string> => tmux(name, 'capture-pane', '-p', '-t', 'main');
    const shows = async (text: RegExp): Promise<string> => {
      for (;;) {
        signal.throwIfAborted();
        const now = await screen();
        if (text.test(now)) return now;
        await delay(SCREEN_INTERVAL_MS);
      }
    };
    const command = `${BIN} exec -i -t -e TERM=screen ${sandbox.id}/${container.id} -- sh -c 'stty size; read x; vi /tmp/screen; top'; echo "status $?"; read x`;
    await tmux(name, 'new-session', '-d', '-s', 'main', '-x', '70', '-y', '14', command);
    onTestFinished(async () => void (await tmux(name, 'kill-server')));
    await shows(/^14 70$/m);
    await tmux(name, 'send-keys', '-t', 'main', 'Enter');
    await shows(/^~$/m);
    await tmux(name, 'send-keys', '-t', 'main', 'i', 'over tmux');
    await shows(/^over tmux$/m);
    // By itself, as above.
    await tmux(name, 'send-keys', '-t', 'main', 'Escape');
    await shows(/^- \/tmp\/screen/m);
    await tmux(name, 'send-keys', '-t', 'main', ':wq', 'Enter');
    const top = await shows(/Mem: [\s\S]*PID +PPID/);
    expect((await execIn(container, ['cat', '/tmp/screen'])).stdout.toString()).toBe('over tmux\n');
    // A smaller window: the program is told, and paints no more lines than there are.
    await tmux(name, 'resize-window', '-t', 'main', '-x', '60', '-y', '8');
    await shows(/Mem: [\s\S]*PID +PPID/);
    await tmux(name, 'send-keys', '-t', 'main', 'q');
    await shows(/^status 0$/m);
    report({ subject: 'vi and top in tmux', way, count: 1, result: `${top.split('\n').length - 1} lines painted` });
  });

  it('leaves no descriptor and no terminal behind', async () => {
    const { sandbox, container } = guest();
    const times = countFor(way, 25, 2000);
    await execIn(container, ['true'], { terminal: SIZE });
    const terminals = async (): Promise<string> => (await execIn(container, ['ls', '/dev/pts'])).stdout.toString();
    const [before, terminalsBefore] = [await guestState(sandbox.vsock), await terminals()];
    const began = performance.now();
    for (let turn = 0; turn < times; turn += 1) {
      const streams = turn % 2 === 0 ? 'passfd' : 'unary';
      const { code, stdout } = await execIn(container, ['tty'], { terminal: SIZE, streams });
      expect([code, stdout.toString()]).toEqual([0, expect.stringMatching(/^\/dev\/pts\/\d+\r\n$/)]);
    }
    const took = secondsSince(began);
    const after = await settledState(sandbox.vsock, before);
    expect(flatOf(after)).toEqual(flatOf(before));
    expect(await terminals()).toBe(terminalsBefore);
    report({
      subject: 'execs with a terminal',
      way,
      count: times,
      result: `descriptors ${before.descriptors} before, ${after.descriptors} after, ${took}`,
    });
  });
});
