/** Sandboxes that outlive the command that made them, and the commands that join them. */
import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { RUN_ROOT } from '../../src/host/paths.ts';
import { StateDirectory } from '../../src/host/state/state-dir.ts';
import { Pty } from '../unit/cli/pty.ts';
import { type CliRun, cli, startCli } from './support/cli.ts';
import { leftoversAfterGuardian, leftoversOf } from './support/leftovers.ts';

const BIN = fileURLToPath(new URL('../../src/cli/bin/kata-sandbox', import.meta.url));
const ID = 'test-keeper';
/** Prints bytes of all kinds, then answers lines until it reads `end`. */
const ECHO = [
  "printf 'a\\000b\\377'; echo err >&2",
  'while read -r line; do [ "$line" = end ] && exit 7; echo "got $line"; done',
  'exit 9',
].join('\n');
const FIRST = Buffer.from('a\0b\xff', 'latin1');
/** A program that counts would have printed something in this time (ms). */
const STILL_MS = 500;
/** Counts for ever, a line each tenth of a second. */
const COUNT = 'i=0; while :; do i=$((i + 1)); echo $i; sleep 0.1; done';

interface Listed {
  readonly is: string;
  readonly info: {
    readonly id: string;
    readonly keeperPid: number;
    readonly containers: readonly { readonly id: string; readonly state: { readonly is: string } }[];
  };
}

/** The sandbox as `ps` shows it. */
async function listed(id: string): Promise<Listed | undefined> {
  const { stdout } = await cli('ps', '--json');
  const all: Listed[] = JSON.parse(stdout.toString());
  return all.find(({ info }) => info?.id === id);
}

async function stateOf(container: string): Promise<string | undefined> {
  return (await listed(ID))?.info.containers.find(({ id }) => id === container)?.state.is;
}

/** Adds a container to the sandbox, and gives its whole name. */
async function add(name: string, ...command: string[]): Promise<string> {
  const { code, stdout, stderr } = await cli('create', '--sandbox', ID, '--container', name, '--', ...command);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout.toString()).toBe(`${ID}/${name}\n`);
  return `${ID}/${name}`;
}

/** What a run gives that ends well. */
async function out(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await cli(...args);
  expect([code, stderr]).toEqual([0, '']);
  return stdout.toString();
}

/** Starts a command that takes input. */
function startWithInput(...args: string[]): CliRun {
  return startCli(args, process.env, 'pipe');
}

async function outputHas(run: CliRun, text: string): Promise<void> {
  await expect.poll(() => run.output(), { timeout: 30_000 }).toContain(text);
}

describe('a sandbox that outlives its maker', () => {
  beforeAll(async () => {
    const parameters = ['--kernel-parameter', 'agent.log=debug', '--kernel-parameter', 'of_ours'];
    const made = await cli('create', '--name', ID, ...parameters, '-i', '--', 'sh', '-c', ECHO);
    expect([made.code, made.stdout.toString(), made.stderr]).toEqual([0, `${ID}/${ID}-1\n`, '']);
  });
  afterAll(async () => {
    const { code } = await cli('rm', '-f', ID);
    expect([code, leftoversOf(ID)]).toEqual([0, []]);
  });

  it('is listed, and its name is taken', async () => {
    expect(await listed(ID)).toMatchObject({
      is: 'kept',
      info: { id: ID, containers: [{ id: `${ID}-1`, state: { is: 'running' } }] },
    });
    const table = await out('ps');
    expect(table).toMatch(new RegExp(`^${ID} +${ID}-1 +running +\\d+ +- +\\d+ \\w+ +sh -c`, 'm'));
    const again = await cli('create', '--name', ID, '--', 'true');
    expect([again.code, again.stderr]).toEqual([125, expect.stringMatching(/a sandbox test-keeper is running/)]);
  });

  it('is controlled by root alone, and refuses what it does not know', async () => {
    const socketPath = `${RUN_ROOT}/${ID}/keeper.sock`;
    expect(statSync(socketPath).mode & 0o777).toBe(0o600);
    expect(statSync(`${RUN_ROOT}/${ID}`).mode & 0o777).toBe(0o700);
    for (const [status, code, method, path, body] of [
      [501, 'ERR_UNIMPLEMENTED', 'GET', '/nothing', ''],
      [501, 'ERR_UNIMPLEMENTED', 'POST', `/containers/${ID}-1/attach`, ''],
      [404, 'ERR_NOT_FOUND', 'POST', '/containers/other/pause', ''],
      [400, 'ERR_PROTOCOL', 'POST', '/containers', '{'],
      [400, 'ERR_PROTOCOL', 'POST', `/containers/${ID}-1/signal`, '{"signal":"TERM"}'],
      [409, 'ERR_FAILED_PRECONDITION', 'POST', `/containers/${ID}-1/resume`, ''],
    ] as const) {
      const sent = request({ socketPath, method, path, agent: false });
      sent.end(body);
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      const answer: { readonly code: string } = JSON.parse((await response.toArray()).join(''));
      expect([path, response.statusCode, answer.code]).toEqual([path, status, code]);
    }
  });

  it('logs exactly what was printed', async () => {
    const { code, stdout, stderr } = await cli('logs', ID);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: FIRST, stderr: 'err\n' });
  });

  it('runs further commands, with output, status, environment, directory and user of their own', async () => {
    const script = 'echo $A; pwd; id -u; id -g; echo no >&2; exit 5';
    const { code, stdout, stderr } = await cli(
      ...['exec', '-e', 'A=x y', '-w', '/tmp', '-u', 'daemon:users', ID, '--', 'sh', '-c', script],
    );
    expect({ code, stdout: stdout.toString(), stderr }).toEqual({
      code: 5,
      stdout: 'x y\n/tmp\n1\n100\n',
      stderr: 'no\n',
    });
  });

  it('has the kernel parameters that it was given, behind ours', async () => {
    expect(await out('exec', ID, 'cat', '/proc/cmdline')).toMatch(/^console=ttyS0 .* agent\.log=debug of_ours\n$/);
  });

  it('gives a command our input with -i, and the end of it without', async () => {
    const run = startWithInput('exec', '-i', ID, 'wc', '-c');
    run.child.stdin?.end(Buffer.alloc(1 << 20));
    expect((await run.ended).stdout.toString().trim()).toBe(String(1 << 20));
    const without = startWithInput('exec', ID, 'wc', '-c');
    expect((await without.ended).stdout.toString().trim()).toBe('0');
    // An input that is not at its end does not hold up a command that does not read it.
    expect((await startWithInput('exec', '-i', ID, 'true').ended).code).toBe(0);
  });

  it.each([
    [127, ['no-such-command'], /no-such-command.* was not found/],
    [126, ['/etc/passwd'], /\/etc\/passwd cannot be executed/],
    [126, ['-w', '/nowhere'], /\/nowhere was not found/],
    [126, ['-u', 'nobody-at-all'], /nobody-at-all"? is unknown/],
  ])('ends with %i for a command that cannot run: %j', async (status, words, reason) => {
    const [flags, command] = words[0]?.startsWith('-') === true ? [words, ['true']] : [[], words];
    const { code, stderr } = await cli('exec', ...flags, ID, '--', ...command);
    expect([code, stderr]).toEqual([status, expect.stringMatching(reason)]);
  });

  it('refuses what is not there, and a terminal where we have none', async () => {
    for (const [args, reason] of [
      [['exec', 'no-such-sandbox', 'true'], 'there is no sandbox no-such-sandbox'],
      [['exec', `${ID}/other`, 'true'], `sandbox ${ID} has no container other`],
      [['logs', `${ID}/other`], `sandbox ${ID} has no container other`],
      [['exec', '-it', ID, 'true'], 'the input device is not a TTY'],
      [
        ['create', '--sandbox', ID, '--kernel-parameter', 'late', '--', 'true'],
        '--kernel-parameter describes a new sandbox, and --sandbox names one that runs',
      ],
    ] as const) {
      const { code, stderr } = await cli(...args);
      expect([code, stderr]).toEqual([125, `kata-sandbox: ${reason}\n`]);
    }
  });

  it('gives a signal on to the command', async () => {
    const run = startCli([
      'exec',
      ID,
      '--',
      'sh',
      '-c',
      'trap "echo term; exit 3" TERM; echo up; while :; do sleep 0.1; done',
    ]);
    await outputHas(run, 'up');
    run.child.kill('SIGTERM');
    const { code, stdout } = await run.ended;
    expect([code, stdout.toString()]).toEqual([3, 'up\nterm\n']);
  });

  it('is given a terminal that is ours: size, keys, a new size, and the mode as it was', async () => {
    const script = 'stty size; trap "stty size" WINCH; while read -r x; do echo "<$x>"; done; exit 4';
    const pty = new Pty([BIN, 'exec', '-it', ID, '--', 'sh', '-c', script], { rows: 30, columns: 90 });
    try {
      const has = (text: string) => expect.poll(() => pty.output, { timeout: 30_000 }).toContain(text);
      await has('30 90\r\n');
      pty.type('hello\r');
      await has('<hello>\r\n');
      pty.resize({ rows: 31, columns: 91 });
      await has('31 91\r\n');
      // The trap may have ended the shell's read already; the end of the input ends it too.
      pty.type('\x04');
      expect(await pty.ended).toEqual({ code: 4, signal: null });
    } finally {
      pty.close();
    }
  });

  it('takes signals, and tells how a container ended', async () => {
    const name = await add('killed', 'sh', '-c', 'trap "exit 11" USR1; echo up; while :; do sleep 0.1; done');
    await expect.poll(() => out('logs', name), { timeout: 30_000 }).toBe('up\n');
    const waiting = startCli(['wait', name]);
    await cli('kill', '-s', 'USR1', name);
    expect((await waiting.ended).stdout.toString()).toBe('11\n');
    expect(await out('wait', name)).toBe('11\n');
    expect((await cli('kill', name)).stderr).toMatch(/ended, with status 11/);
    expect(await stateOf('killed')).toBe('exited');
    expect(await out('rm', name)).toBe('');
    expect(await stateOf('killed')).toBeUndefined();
    expect(existsSync(`${RUN_ROOT}/${ID}/logs/killed.log`)).toBe(false);
  });

  it('stands still while it is paused', async () => {
    const name = await add('paused', 'sh', '-c', COUNT);
    const following = startCli(['logs', '-f', '--tail', '1', name]);
    await outputHas(following, '3\n');
    await out('pause', name);
    expect(await stateOf('paused')).toBe('paused');
    expect((await cli('pause', name)).stderr).toMatch(/paused already/);
    // What was on its way when it stopped still arrives; then nothing does.
    let stopped = '';
    const isStill = async (): Promise<boolean> => {
      stopped = await out('logs', name);
      await delay(STILL_MS);
      return stopped === (await out('logs', name));
    };
    await expect.poll(isStill, { timeout: 30_000 }).toBe(true);
    await out('unpause', name);
    await expect.poll(() => out('logs', name), { timeout: 30_000 }).not.toBe(stopped);
    const refused = await cli('rm', name);
    expect([refused.code, refused.stderr]).toEqual([125, expect.stringMatching(/is running; -f kills it/)]);
    const waiting = startCli(['wait', name]);
    await expect.poll(() => stateOf('paused'), { timeout: 30_000 }).toBe('running');
    await out('rm', '-f', name);
    expect((await waiting.ended).stdout.toString()).toBe('137\n');
    expect((await following.ended).code).toBe(0);
    expect(await out('logs', '--tail', '0', ID)).toBe('');
  });

  it('is joined by several at once, and ends with the status of its program for all', async () => {
    const first = startWithInput('attach', ID);
    const second = startWithInput('attach', '--no-stdin', ID);
    // Whoever answers is attached.
    await expect
      .poll(
        () => {
          first.child.stdin?.write('again\n');
          return first.output().includes('got again') && second.output().includes('got again');
        },
        { timeout: 30_000, interval: 200 },
      )
      .toBe(true);
    second.child.kill('SIGKILL');
    await second.ended;
    first.child.stdin?.write('more\n');
    await outputHas(first, 'got more\n');
    first.child.stdin?.write('end\n');
    expect((await first.ended).code).toBe(7);
    expect(await out('wait', ID)).toBe('7\n');
    const late = await cli('attach', ID);
    expect([late.code, late.stderr]).toEqual([125, expect.stringMatching(/ended, with status 7/)]);
    const { stdout } = await cli('logs', ID);
    expect(stdout.subarray(0, FIRST.length)).toEqual(FIRST);
    expect(stdout.toString('latin1')).toMatch(/got again\ngot more\n$/);
  });

  it('goes with its last container', async () => {
    const keeper = (await listed(ID))?.info.keeperPid;
    expect(await out('rm', ID)).toBe('');
    expect(leftoversOf(ID)).toEqual([]);
    expect(existsSync(`/proc/${keeper}`)).toBe(false);
    expect(await listed(ID)).toBeUndefined();
    // So that the end of the file has something to remove.
    await out('create', '--name', ID, '--', 'sleep', '10000');
  });
});

describe('a keeper', () => {
  const LOST = 'test-keeper-lost';
  afterEach(async () => {
    await cli('rm', '-f', LOST);
    expect(leftoversOf(LOST)).toEqual([]);
  });

  it('that is killed leaves nothing', async () => {
    await out('create', '--name', LOST, '--', 'sleep', '10000');
    const waiting = startCli(['wait', LOST]);
    await expect.poll(async () => (await listed(LOST))?.is, { timeout: 30_000 }).toBe('kept');
    process.kill((await listed(LOST))?.info.keeperPid ?? -1, 'SIGKILL');
    const { code, stderr } = await waiting.ended;
    expect([code, stderr]).toEqual([125, expect.stringMatching(/the keeper of sandbox test-keeper-lost has ended/)]);
    expect(await leftoversAfterGuardian(LOST)).toEqual([]);
    expect(await listed(LOST)).toBeUndefined();
  });

  it('whose machine is lost tells so to who waits and to who asks later, and keeps the logs', async () => {
    await out('create', '--name', LOST, '--', 'sh', '-c', 'echo words; sleep 10000');
    await expect.poll(() => out('logs', LOST), { timeout: 30_000 }).toBe('words\n');
    const waiting = startCli(['wait', LOST]);
    const attached = startCli(['attach', LOST]);
    const following = startCli(['logs', '-f', LOST]);
    await outputHas(following, 'words');
    const running = startCli(['exec', LOST, '--', 'sh', '-c', 'echo up; sleep 10000']);
    await outputHas(running, 'up');
    const keeper = (await listed(LOST))?.info.keeperPid;
    process.kill(new StateDirectory(RUN_ROOT, LOST).pid('qemu') ?? -1, 'SIGKILL');
    const reason = /sandbox test-keeper-lost is lost: QEMU ended \(signal SIGKILL\)/;
    for (const run of [waiting, attached, running]) {
      expect([(await run.ended).code, (await run.ended).stderr]).toEqual([125, expect.stringMatching(reason)]);
    }
    expect((await following.ended).code).toBe(0);
    await expect.poll(() => existsSync(`/proc/${keeper}`), { timeout: 30_000 }).toBe(false);
    expect(leftoversOf(LOST)).toEqual([]);
    expect((await listed(LOST))?.is).toBe('lost');
    expect(await out('ps')).toMatch(/^test-keeper-lost +test-keeper-lost-1 +lost /m);
    for (const command of ['wait', 'attach', 'pause']) {
      const { code, stderr } = await cli(command, LOST);
      expect([code, stderr]).toEqual([125, expect.stringMatching(reason)]);
    }
    expect(await out('logs', LOST)).toBe('words\n');
    await out('rm', LOST);
    expect(await listed(LOST)).toBeUndefined();
  });

  it('ends on SIGTERM, and takes everything with it', async () => {
    await out('create', '--name', LOST, '--', 'sleep', '10000');
    const keeper = (await listed(LOST))?.info.keeperPid ?? -1;
    process.kill(keeper, 'SIGTERM');
    await expect.poll(() => existsSync(`/proc/${keeper}`), { timeout: 30_000 }).toBe(false);
    expect(leftoversOf(LOST)).toEqual([]);
    expect(await listed(LOST)).toBeUndefined();
  });

  it.each([
    ['SIGINT', 130],
    ['SIGKILL', null],
  ] as const)('goes with the command that makes it, where that gets a %s before it is ready', async (signal, code) => {
    const run = startCli(['create', '--verbose', '--name', LOST, '--', 'sleep', '10000']);
    await run.stderrHas('] machine started');
    run.child.kill(signal);
    expect((await run.ended).code).toBe(code);
    // After a SIGKILL nobody waits for the keeper.
    if (code === null) await leftoversAfterGuardian(LOST);
    expect(leftoversOf(LOST)).toEqual([]);
  });

  it('that cannot start the command says why, with its status, and leaves nothing', async () => {
    const { code, stdout, stderr } = await cli('create', '--name', LOST, '--', 'no-such-command');
    expect([code, stdout.toString(), stderr]).toEqual([127, '', expect.stringMatching(/no-such-command/)]);
    expect(leftoversOf(LOST)).toEqual([]);
  });

  it('is not started by hand', async () => {
    const { code } = await cli('keeper', LOST);
    expect(code).toBe(1);
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(LOST);
  });
});
