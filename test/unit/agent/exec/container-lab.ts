/** A container made by crun, and both ways to start processes in it. Runs inside what `lab-process.ts` prepares. */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  read,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { promisify } from 'node:util';
import { joinFiles } from '../../../../src/agent/container/cgroup-membership.ts';
import { CrunExec } from '../../../../src/agent/exec/crun-exec.ts';
import { ExecLauncher } from '../../../../src/agent/exec/launcher.ts';
import type { ExecCapabilities, ExecPlan, ExecStarter, ExecTarget } from '../../../../src/agent/exec/starter.ts';
import { createLogger } from '../../../../src/agent/log/logger.ts';
import { Reaper } from '../../../../src/agent/process/reaper.ts';
import { BASE, CRUN_ROOT } from '../../../../src/agent/sandbox/paths.ts';
import { O_CLOEXEC, pipe2 } from '../../../../src/linux/pipe.ts';
import { setChildSubreaper, setUndumpable } from '../../../../src/linux/prctl.ts';
import { type ExitStatus, exitCode } from '../../../../src/linux/wait.ts';
import { hasErrno } from '../../../../src/wire/error.ts';

const readAsync = promisify(read);

const APPLETS = [
  'sh',
  'sleep',
  'cat',
  'id',
  'ls',
  'grep',
  'tty',
  'stty',
  'stat',
  'readlink',
  'env',
  'cut',
  'true',
  'kill',
];
const GLOBAL_OPTIONS = ['--root', CRUN_ROOT, '--cgroup-manager=cgroupfs'];
const NAMES = ['CAP_CHOWN', 'CAP_FOWNER', 'CAP_KILL', 'CAP_SETGID', 'CAP_SETUID', 'CAP_NET_RAW'];
const MOUNTS = [
  { destination: '/proc', type: 'proc', source: 'proc' },
  { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['mode=755'] },
  { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: ['newinstance', 'ptmxmode=0666', 'gid=5'] },
];

/** Capability sets whose inheritable and ambient parts are given. */
export function capabilities(kept: readonly string[] = []): ExecCapabilities {
  return { bounding: NAMES, effective: NAMES, permitted: NAMES, inheritable: kept, ambient: kept };
}

/** What a process wrote, and how it ended. */
export interface Ran {
  readonly out: string;
  readonly code: number;
}

/** One container. */
export class ContainerLab {
  readonly rootfs: string;
  readonly reaper: Reaper;
  readonly launcher: ExecLauncher;
  readonly crun: ExecStarter;
  readonly target: ExecTarget;

  private constructor(base: string, initPid: number) {
    const logger = createLogger({ write: () => {} }, 'fatal');
    this.rootfs = `${base}/rootfs`;
    this.reaper = new Reaper(logger);
    this.reaper.start();
    this.launcher = new ExecLauncher(this.reaper, logger, '/run/gates');
    this.crun = new CrunExec(this.reaper, this.launcher);
    this.target = { id: 'lab', initPid, bundle: base, cgroups: joinFiles(initPid), runtimeOnly: undefined };
  }

  static start(): ContainerLab {
    setChildSubreaper();
    setUndumpable();
    mkdirSync(BASE, { recursive: true });
    const base = mkdtempSync('/run/lab-');
    const rootfs = `${base}/rootfs`;
    for (const directory of ['bin', 'proc', 'dev', 'etc', 'secret']) {
      mkdirSync(`${rootfs}/${directory}`, { recursive: true, mode: directory === 'secret' ? 0o700 : 0o755 });
    }
    copyFileSync('/bin/busybox', `${rootfs}/bin/busybox`);
    for (const applet of APPLETS) symlinkSync('busybox', `${rootfs}/bin/${applet}`);
    writeFileSync(`${rootfs}/etc/passwd`, 'root:x:0:0::/secret:/bin/sh\nweb:x:1000:1001::/home/web:/bin/sh\n');
    writeFileSync(`${rootfs}/etc/group`, 'root:x:0:\nweb:x:1001:\nmore:x:50:root,web\n');
    const config = {
      ociVersion: '1.0.2',
      root: { path: rootfs },
      hostname: 'lab',
      mounts: MOUNTS,
      process: { user: { uid: 0, gid: 0 }, args: ['sleep', '1000'], env: ['PATH=/bin'], cwd: '/' },
      linux: {
        cgroupsPath: `/lab-${process.pid}`,
        namespaces: ['pid', 'ipc', 'uts', 'mount', 'network', 'cgroup'].map((type) => ({ type })),
        resources: { devices: [{ allow: true, access: 'rwm' }] },
      },
    };
    writeFileSync(`${base}/config.json`, JSON.stringify(config));
    runtime('create', '--bundle', base, '--pid-file', `${base}/pid`, 'lab');
    runtime('start', 'lab');
    return new ContainerLab(base, Number(readFileSync(`${base}/pid`, 'utf8')));
  }

  plan(args: readonly string[], more: Partial<ExecPlan> = {}): ExecPlan {
    return {
      args,
      env: ['PATH=/bin'],
      cwd: '/',
      user: { kind: 'numbers', uid: 0, gid: 0, groups: [] },
      capabilities: capabilities(),
      noNewPrivileges: false,
      rlimits: [],
      oomScoreAdj: 0,
      umask: 0o022,
      terminal: undefined,
      ...more,
    };
  }

  /** Runs a process to its end. */
  async run(starter: ExecStarter, args: readonly string[], more: Partial<ExecPlan> = {}): Promise<Ran> {
    const plan = this.plan(args, more);
    // Not /dev/null: crun would give the machine's to the user.
    const input = pipe2(O_CLOEXEC);
    const output = pipe2(O_CLOEXEC);
    let source = output.read;
    let ended: Promise<ExitStatus>;
    try {
      const stdio = plan.terminal === undefined ? ([input.read, output.write, output.write] as const) : undefined;
      const started = await starter.start({ target: this.target, plan, stdio });
      source = started.master ?? source;
      ended = started.ended;
    } catch (error) {
      closeSync(output.read);
      throw error;
    } finally {
      closeSync(input.read);
      closeSync(input.write);
      closeSync(output.write);
    }
    // Short outputs: they fit the pipe, or the terminal's buffer.
    const code = exitCode(await ended);
    const out = await readToEnd(source);
    if (source !== output.read) closeSync(output.read);
    closeSync(source);
    return { out, code };
  }

  /** The same, with the parts of an error instead of throwing it. */
  async attempt(starter: ExecStarter, args: readonly string[], more: Partial<ExecPlan> = {}): Promise<string> {
    try {
      const { code } = await this.run(starter, args, more);
      return `code ${code}`;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** Open descriptors of this process. */
  descriptors(): number {
    return readdirSync('/proc/self/fd').length;
  }

  /** The file of the container's cgroup, whose name is given. */
  cgroupFile(name: string): string {
    return `/sys/fs/cgroup/lab-${process.pid}/${name}`;
  }

  stop(): void {
    this.launcher.close();
    this.reaper.stop();
    runtime('delete', '-f', 'lab');
    rmSync(this.target.bundle, { recursive: true });
  }
}

/** Without holding up this thread: a child that waits at the gate has a copy of every pipe until it is let through. */
async function readToEnd(fd: number): Promise<string> {
  const bytes = Buffer.alloc(65_536);
  let text = '';
  try {
    for (;;) {
      const { bytesRead } = await readAsync(fd, bytes, 0, bytes.length, null);
      if (bytesRead === 0) break;
      text += bytes.subarray(0, bytesRead).toString('utf8');
    }
  } catch (error) {
    // A terminal that nobody has any more.
    if (!hasErrno(error, 'EIO')) throw error;
  }
  return text.replaceAll('\r', '');
}

function runtime(...args: readonly string[]): void {
  const { status } = spawnSync('crun', [...GLOBAL_OPTIONS, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new Error(`crun ${args.join(' ')}: ${status}`);
}
