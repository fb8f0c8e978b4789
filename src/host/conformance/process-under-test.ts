/** A process of a scenario, read as the shim reads it. */
import { KataError } from '../../wire/error.ts';
import type { AgentClient } from '../../wire/ttrpc/agent-client.ts';
import { isRefusal, unmet } from './expectation.ts';

/** Bytes that the shim asks for. */
const READ_BYTES = 32 * 1024;
/** Answers without bytes, in a row, after which a shim that takes them for "nothing yet" is known to read for ever. */
const MAX_EMPTY_READS = 50;

/** Its outputs. */
export type Output = 'ReadStdout' | 'ReadStderr';

/** How the agent knows it. */
export interface ProcessKey {
  readonly container_id: string;
  readonly exec_id: string;
}

/** A process that has ended, and all that it printed. */
export interface Ended {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/** See above. */
export class ProcessUnderTest {
  readonly key: ProcessKey;
  readonly #calls: AgentClient;

  constructor(calls: AgentClient, key: ProcessKey) {
    this.#calls = calls;
    this.key = key;
  }

  /** One read. */
  async read(output: Output, len = READ_BYTES): Promise<Buffer> {
    const { data } = await this.#calls.agent[output]({ ...this.key, len });
    return Buffer.from(data);
  }

  /** All of an output, with the habit of newer shims: the first answer without bytes ends it, and any error does. */
  readToEnd(output: Output): Promise<Buffer> {
    return held(this.#readToEnd(output));
  }

  async #readToEnd(output: Output): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for (;;) {
      const chunk = await this.#readOrEnd(output);
      if (chunk === undefined || chunk.length === 0) return Buffer.concat(chunks);
      chunks.push(chunk);
    }
  }

  /**
   * All of an output, with the habit of shims up to 3.19: an answer without bytes means "nothing yet".
   * @throws KataError where such a shim would read for ever.
   */
  async readToError(output: Output): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for (let empty = 0; empty < MAX_EMPTY_READS; ) {
      const chunk = await this.#readOrEnd(output);
      if (chunk === undefined) return Buffer.concat(chunks);
      if (chunk.length === 0) empty += 1;
      else chunks.push(chunk);
    }
    throw unmet(
      `${output} at the end`,
      'an error after the first answer without bytes',
      `${MAX_EMPTY_READS} more of them`,
    );
  }

  /** Reads standard output until it has that text in it, and returns what was read. */
  async readUntil(text: string): Promise<string> {
    let all = Buffer.alloc(0);
    while (!all.includes(text)) {
      const chunk = await this.#readOrEnd('ReadStdout');
      if (chunk === undefined || chunk.length === 0) throw unmet('standard output', JSON.stringify(text), `${all}`);
      all = Buffer.concat([all, chunk]);
    }
    return all.toString();
  }

  /** Both outputs to their ends, and then the status: the shim's order. */
  toEnd(): Promise<Ended> {
    return held(this.#toEnd());
  }

  async #toEnd(): Promise<Ended> {
    const [stdout, stderr] = await Promise.all([this.readToEnd('ReadStdout'), this.readToEnd('ReadStderr')]);
    return { code: await this.wait(), stdout, stderr };
  }

  /** As {@link toEnd} for a process with a terminal, whose output is all one: the shim reads the first only. */
  terminalToEnd(): Promise<Pick<Ended, 'code' | 'stdout'>> {
    return held(this.readToEnd('ReadStdout').then(async (stdout) => ({ stdout, code: await this.wait() })));
  }

  /** Its exit status. */
  wait(): Promise<number> {
    return held(this.#calls.agent.WaitProcess(this.key).then(({ status }) => status));
  }

  /** Writes to its standard input. @returns what the agent says that it took. */
  async write(data: string | Uint8Array): Promise<number> {
    return (await this.#calls.agent.WriteStdin({ ...this.key, data: Buffer.from(data) })).len;
  }

  /** Ends its standard input. */
  async closeInput(): Promise<void> {
    await this.#calls.agent.CloseStdin(this.key);
  }

  /** Sends it a signal. */
  async signal(signal: number): Promise<void> {
    await this.#calls.agent.SignalProcess({ ...this.key, signal });
  }

  /** Tells its terminal a size. */
  async resize(row: number, column: number): Promise<void> {
    await this.#calls.agent.TtyWinResize({ ...this.key, row, column });
  }

  async #readOrEnd(output: Output): Promise<Buffer | undefined> {
    try {
      return await this.read(output);
    } catch (error) {
      if (isRefusal(KataError.from(error))) return undefined;
      throw error;
    }
  }
}

/** A scenario may do other things before it looks at the result, and fail at one of them: then this failure is nobody's. */
function held<T>(work: Promise<T>): Promise<T> {
  work.catch(() => {});
  return work;
}
