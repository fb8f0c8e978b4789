import { describe, expect, it } from 'vitest';
import { ExecChoice } from '../../../../src/agent/exec/choose.ts';
import type { ExecCapabilities, ExecPlan, ExecRequest, StartedExec } from '../../../../src/agent/exec/starter.ts';
import { createLogger } from '../../../../src/agent/log/logger.ts';

const CHOWN = ['CAP_CHOWN'];
const TRACE = ['CAP_SYS_PTRACE'];
const SETS: ExecCapabilities = { bounding: CHOWN, effective: CHOWN, permitted: CHOWN, inheritable: [], ambient: [] };

function request(capabilities: ExecCapabilities = SETS, runtimeOnly?: string): ExecRequest {
  const plan: ExecPlan = {
    args: ['true'],
    env: [],
    cwd: '/',
    user: { kind: 'numbers', uid: 0, gid: 0, groups: [] },
    capabilities,
    noNewPrivileges: false,
    rlimits: [],
    oomScoreAdj: 0,
    umask: 0o022,
    terminal: undefined,
  };
  return { target: { id: 'c1', initPid: 1, bundle: '/b', cgroups: [], runtimeOnly }, plan, stdio: [0, 1, 2] };
}

interface Chosen {
  readonly choice: ExecChoice;
  readonly log: string[];
  readonly warmed: unknown[];
}

function choose(enabled: boolean, obstacle?: string): Chosen {
  const log: string[] = [];
  const warmed: unknown[] = [];
  const started = (pid: number) => (): Promise<StartedExec> =>
    Promise.resolve({ pid, ended: Promise.resolve({ kind: 'exited', code: 0 }), master: undefined });
  const launcher = {
    obstacle: () => obstacle,
    start: started(1),
    prewarm: (plan: unknown) => Promise.resolve(void warmed.push(plan)),
    close: () => {},
  };
  const logger = createLogger({ write: (line) => void log.push(line) }, 'debug');
  return { choice: new ExecChoice({ launcher, runtime: { start: started(2) }, logger, enabled }), log, warmed };
}

describe('the choice', () => {
  it('is the launcher, where nothing speaks against it', async () => {
    expect((await choose(true).choice.start(request())).pid).toBe(1);
  });

  it.each([
    ['it is switched off', choose(false), request(), 'the launcher is switched off'],
    ['the container asks for it', choose(true), request(SETS, 'it has a seccomp filter'), 'it has a seccomp filter'],
    ['it could trace', choose(true), request({ ...SETS, bounding: TRACE }), 'it may look into other processes'],
    ['no thread is there', choose(true, 'its thread is starting'), request(), 'its thread is starting'],
  ])('is the runtime, with the reason, when %s', async (_what, { choice, log }, asked, reason) => {
    expect((await choice.start(asked)).pid).toBe(2);
    expect(JSON.parse(log[0] ?? '')).toMatchObject({ level: 'DEBG', 'container-id': 'c1', by: 'runtime', reason });
  });

  it('gets ready only for what the launcher may start', () => {
    const { choice, warmed } = choose(true);
    choice.prewarm(request({ ...SETS, permitted: TRACE }).plan);
    expect(warmed).toEqual([]);
    const { plan } = request();
    choice.prewarm(plan);
    expect(warmed).toEqual([plan]);
    const off = choose(false);
    off.choice.prewarm(plan);
    expect(off.warmed).toEqual([]);
  });
});
