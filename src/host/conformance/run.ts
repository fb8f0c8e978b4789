/** Runs scenarios against one agent. A hang is a failure and not a hang, and what a failure spoils is made anew. */
import { KataError } from '../../wire/error.ts';
import { AgentClient } from '../../wire/ttrpc/agent-client.ts';
import { unlessAborted } from '../abort.ts';
import type { AgentSite, AgentSource } from './agent-source.ts';
import { isRefusal } from './expectation.ts';
import type { Scenario } from './scenario.ts';
import { DESTROY, HANDSHAKE, PULSE } from './scenarios/sandbox.ts';
import { Scene } from './scene.ts';
import { Session } from './session.ts';
import { failure, type Outcome, type Verdict } from './verdict.ts';

/** An agent that answers at all has done so by then; the guest has booted already (ms). */
const HANDSHAKE_TIMEOUT_MS = 60_000;
/** An agent whose locks are free answers a question about a container that is not there (ms). */
const USABLE_TIMEOUT_MS = 5_000;

/** What is to be run. */
export interface RunOptions {
  readonly source: AgentSource;
  readonly scenarios: readonly Scenario[];
  /** Of each scenario (ms). */
  readonly timeoutMs: number;
  readonly onOutcome?: (outcome: Outcome) => void;
}

/** What came of a run. */
export interface AgentReport {
  readonly label: string;
  /** The version that the agent tells; empty where it told none. */
  readonly version: string;
  readonly outcomes: readonly Outcome[];
}

/** Runs them. @throws KataError where there is no agent at all. */
export async function runConformance(options: RunOptions): Promise<AgentReport> {
  const run = new Run(options);
  try {
    return await run.toEnd();
  } finally {
    await run.close();
  }
}

type Ground =
  /** A session is open. */
  | { readonly is: 'ready'; readonly session: Session }
  /** There is none, and there will be none. */
  | { readonly is: 'lost'; readonly reason: string };

class Run {
  readonly #options: RunOptions;
  readonly #outcomes: Outcome[] = [];
  readonly #pulseFailures: string[] = [];
  #slowestMs = 0;
  #site: AgentSite | undefined;
  #ground: Ground = { is: 'lost', reason: 'nothing was opened' };
  #version = '';

  constructor(options: RunOptions) {
    this.#options = options;
  }

  async toEnd(): Promise<AgentReport> {
    const began = performance.now();
    await this.#open();
    this.#record(HANDSHAKE, this.#handshakeVerdict(performance.now() - began));
    for (const scenario of this.#options.scenarios) await this.#play(scenario);
    const pulse = this.#endSession();
    this.#record(PULSE, pulse);
    await this.#play(DESTROY);
    return { label: this.#options.source.label, version: this.#version, outcomes: this.#outcomes };
  }

  async close(): Promise<void> {
    if (this.#ground.is === 'ready') this.#ground.session.close();
    await this.#site?.close();
  }

  /** @throws KataError where the source gives no agent; a handshake that fails is a verdict. */
  async #open(): Promise<void> {
    this.#site = await this.#options.source.open();
    try {
      const session = await Session.open(this.#site.connector, HANDSHAKE_TIMEOUT_MS);
      this.#version = session.version;
      this.#ground = { is: 'ready', session };
    } catch (error) {
      this.#ground = { is: 'lost', reason: KataError.from(error).message };
    }
  }

  #handshakeVerdict(ms: number): Verdict {
    return this.#ground.is === 'ready' ? { is: 'pass', ms } : { is: 'fail', reason: this.#ground.reason, ms };
  }

  async #play(scenario: Scenario): Promise<void> {
    if (this.#ground.is === 'lost') {
      this.#record(scenario, { is: 'not-run', reason: this.#ground.reason });
      return;
    }
    const { session } = this.#ground;
    const verdict = await this.#perform(session, scenario);
    this.#record(scenario, verdict);
    if (verdict.is === 'pass' || scenario === DESTROY) return;
    const { renewable } = this.#options.source;
    const usable = await isUsable(session);
    if (usable && !(renewable && scenario.spoils === true)) return;
    if (renewable) await this.#renew();
    else this.#lose(session, `the agent is of no use after "${scenario.name}"`);
  }

  /** A session that nobody closes would keep this process. */
  #lose(session: Session, reason: string): void {
    session.close();
    this.#ground = { is: 'lost', reason };
  }

  async #perform(session: Session, scenario: Scenario): Promise<Verdict> {
    const { timeoutMs } = this.#options;
    const began = performance.now();
    const over = new AbortController();
    const late = new KataError('ERR_DEADLINE', `not at its end within ${timeoutMs / 1000} s`);
    const timer = setTimeout(() => over.abort(late), timeoutMs);
    const scene = new Scene(session, scenario.name, over.signal);
    try {
      await unlessAborted(scenario.run(scene), over.signal);
      return { is: 'pass', ms: performance.now() - began };
    } catch (error) {
      // The calls that are given up fail, too, and one of these may be seen first.
      const first = over.signal.aborted ? late : error;
      return failure(first, scene.caller, performance.now() - began);
    } finally {
      clearTimeout(timer);
      over.abort(new KataError('ERR_CANCELLED', 'the scenario is over'));
      if (scenario !== DESTROY) await scene.cleanUp();
    }
  }

  async #renew(): Promise<void> {
    this.#collectPulse();
    await this.close();
    await this.#open();
  }

  #collectPulse(): void {
    if (this.#ground.is !== 'ready') return;
    const { failure: why, slowestMs } = this.#ground.session.pulse;
    this.#slowestMs = Math.max(this.#slowestMs, slowestMs);
    if (why !== undefined) this.#pulseFailures.push(why);
  }

  /** Ends the signs of life, before the agent is ended. */
  #endSession(): Verdict {
    if (this.#ground.is === 'lost') return { is: 'not-run', reason: this.#ground.reason };
    this.#collectPulse();
    this.#ground.session.endPulse();
    const [reason] = this.#pulseFailures;
    const ms = this.#slowestMs;
    return reason === undefined ? { is: 'pass', ms } : { is: 'fail', reason, ms };
  }

  #record({ name, about }: { readonly name: string; readonly about: string }, verdict: Verdict): void {
    const outcome = { name, about, verdict };
    this.#outcomes.push(outcome);
    this.#options.onOutcome?.(outcome);
  }
}

/** Whether the agent still answers a question for which it needs its locks. */
async function isUsable({ id, client }: Session): Promise<boolean> {
  const { agent } = new AgentClient(client);
  try {
    await agent.StatsContainer({ container_id: `${id}-nobody` }, { timeoutMs: USABLE_TIMEOUT_MS });
    return true;
  } catch (error) {
    return isRefusal(KataError.from(error));
  }
}
