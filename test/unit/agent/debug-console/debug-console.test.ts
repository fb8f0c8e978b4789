import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type DebugConsole,
  serveConsole,
  startDebugConsole,
} from '../../../../src/agent/debug-console/debug-console.ts';
import { createLogger } from '../../../../src/agent/log/logger.ts';
import { Reaper } from '../../../../src/agent/process/reaper.ts';

const quiet = createLogger({ write: () => {} }, 'fatal');
let directory: string;
let path: string;
let reaper: Reaper;
let served: DebugConsole;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'debug-console-'));
  path = join(directory, 's');
  reaper = new Reaper(quiet);
  reaper.start();
  served = await serveConsole({ kind: 'unix', path }, reaper, quiet);
});
afterEach(() => {
  served.close();
  reaper.stop();
  rmSync(directory, { recursive: true });
});

/** A client that remembers what it was sent. */
class Client {
  readonly socket: Socket;
  text = '';

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('end', () => socket.end());
    socket.on('data', (bytes: Buffer) => {
      this.text += bytes.toString('latin1');
    });
  }

  static async connect(): Promise<Client> {
    const socket = connect({ path, allowHalfOpen: true });
    await once(socket, 'connect');
    return new Client(socket);
  }

  /** Types a line, and waits until the answer shows. */
  async ask(line: string, answer: RegExp): Promise<RegExpExecArray> {
    this.socket.write(`${line}\n`);
    return await this.expect(answer);
  }

  async expect(answer: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = answer.exec(this.text);
      if (found) return found;
      await once(this.socket, 'data');
    }
  }

  async closed(): Promise<void> {
    if (!this.socket.closed) await once(this.socket, 'close');
  }
}

const isRunning = (pid: number): boolean => existsSync(`/proc/${pid}`);

async function gone(...pids: number[]): Promise<void> {
  while (pids.some(isRunning)) await sleep(5);
}

const fds = (): number => readdirSync('/proc/self/fd').length;

describe('debug console', () => {
  it('gives each connection a shell that leads a session on a terminal of its own', async () => {
    const [one, two] = [await Client.connect(), await Client.connect()];
    const facts = 'echo $$ $(cut -d" " -f6,7 /proc/$$/stat) $(tty) $(stty size) $TERM @';
    const answer = /(\d+) (\d+) (\d+) (\/dev\/pts\/\d+) 24 80 xterm @\r\n/;
    const [, pid, session, terminal, tty] = await one.ask(facts, answer);
    const [, otherPid, , , otherTty] = await two.ask(facts, answer);
    expect(session).toBe(pid);
    expect(terminal).not.toBe('0');
    expect(otherPid).not.toBe(pid);
    expect(otherTty).not.toBe(tty);
    one.socket.destroy();
    two.socket.destroy();
    await gone(Number(pid), Number(otherPid));
  });

  it('interrupts the foreground job only, at the key for it', async () => {
    const client = await Client.connect();
    await client.ask("sh -c 'echo r$((1+1))y; exec sleep 1000'", /r2y/);
    client.socket.write('\x03');
    await client.ask('echo st$((1+1))ll', /st2ll/);
    client.socket.destroy();
  });

  it('ends the whole session with the connection, background jobs that ignore the hang-up too', async () => {
    const client = await Client.connect();
    const script = "trap '' HUP TERM; sleep 1000 & echo pids $! $$ @";
    const [, job, shell] = await client.ask(script, /pids (\d+) (\d+) @\r\n/);
    client.socket.destroy();
    await gone(Number(job), Number(shell));
  });

  it('ends the connection when the shell exits, after its last output', async () => {
    const client = await Client.connect();
    await client.ask('sleep 1000 & head -c 200000 /dev/zero | tr "\\0" x; exit 3', /x{1000}/);
    await client.closed();
    expect(client.text.match(/x/g)?.length).toBeGreaterThanOrEqual(200_000);
  });

  it('answers what was typed before the end of the input', async () => {
    const client = await Client.connect();
    client.socket.end('echo a$((20+2))b\n');
    await client.closed();
    expect(client.text).toContain('a22b');
  });

  it('ends a shell whose client has gone behind input that no program reads', async () => {
    const client = await Client.connect();
    const [, pid] = await client.ask('echo pid $$ @; sleep 1000', /pid (\d+) @\r\n/);
    client.socket.write('line of input\n'.repeat(100_000));
    await sleep(50);
    client.socket.destroy();
    await gone(Number(pid));
    await client.closed();
  });

  it('turns away those who come when there are too many, and serves again later', async () => {
    const clients = await Promise.all(Array.from({ length: 16 }, () => Client.connect()));
    await Promise.all(clients.map((client) => client.ask('echo u$((1+1))', /u2/)));
    const extra = await Client.connect();
    await extra.closed();
    expect(extra.text).toContain('16 shells are open already');
    const before = fds();
    const [leaving] = clients;
    const [, pid] = (await leaving?.ask('echo pid $$ @', /pid (\d+) @\r\n/)) ?? [];
    leaving?.socket.destroy();
    await gone(Number(pid));
    while (fds() >= before) await sleep(5);
    const next = await Client.connect();
    await next.ask('echo u$((1+1))', /u2/);
    served.close();
    await Promise.all([...clients, next].map((client) => client.closed()));
  });

  it('leaves no descriptor and no process', async () => {
    const client = await Client.connect();
    await client.ask('exit', /exit/);
    await client.closed();
    await sleep(20);
    const before = fds();
    for (let round = 0; round < 20; round += 1) {
      const each = await Client.connect();
      const [, pid] = await each.ask('echo pid $$ @', /pid (\d+) @\r\n/);
      if (round % 2 === 0) each.socket.destroy();
      else each.socket.write('exit\n');
      await gone(Number(pid));
      await each.closed();
    }
    while (fds() > before) await sleep(5);
    expect(readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim()).toBe('');
  });
});

describe('startDebugConsole', () => {
  it('does nothing unless it is asked for', async () => {
    expect(await startDebugConsole({ debugConsole: false, debugConsoleVport: 1026 }, quiet, reaper)).toBeUndefined();
  });

  it('does without where the port cannot be had', async () => {
    const lines: string[] = [];
    const logger = createLogger({ write: (line) => void lines.push(line) }, 'warn');
    const config = { debugConsole: true, debugConsoleVport: 2 ** 32 };
    expect(await startDebugConsole(config, logger, reaper)).toBeUndefined();
    expect(lines.join('')).toContain('debug console: not started');
  });
});
