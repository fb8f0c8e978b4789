/**
 * How fast a process's streams are, beside bare vsock connections through the same device to programs in the same guest,
 * and where the time goes.
 *
 * usage: npm run bench -- stream [ROUNDS]
 */
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { findImage } from '../src/host/image.ts';
import { BenchPort, STREAM_MIB, streamProgram } from '../test/integration/guest/bench-ports.ts';
import { quantile } from '../test/integration/support/soak.ts';
import { type BenchGuest, connectTo, startBenchGuest } from './support/bench-guest.ts';
import { describeMachine, markdownTable, writeSection } from './support/document.ts';

const DEFAULT_ROUNDS = 5;
const BYTES = STREAM_MIB << 20;
/** Calls are ten times slower. */
const UNARY_MIB = 16;
const CHUNK_BYTES = 256 * 1024;
/** Guests that are measured, by their processors. */
const CPUS = [1, 2];

type StreamKind = 'passfd' | 'unary';

/** Way of the bytes -> one measurement, in MB/s. */
type Measures = Readonly<Record<string, (guest: BenchGuest) => Promise<number>>>;

/** Bytes and the time from the first to the last of them. */
class Meter {
  readonly #expected: number;
  #began = 0;
  #ended = 0;
  #bytes = 0;

  constructor(expected = BYTES) {
    this.#expected = expected;
  }

  get expected(): number {
    return this.#expected;
  }

  /** Where the first byte is sent, and not received. */
  begin(): void {
    this.#began = performance.now();
  }

  count(bytes: number): void {
    this.#ended = performance.now();
    if (this.#bytes === 0 && this.#began === 0) this.#began = this.#ended;
    this.#bytes += bytes;
  }

  /** MB/s. @throws Error where it was not all of them. */
  rate(): number {
    if (this.#bytes !== this.#expected) throw new Error(`${this.#bytes} bytes came, not ${this.#expected}`);
    return this.#bytes / 1000 / (this.#ended - this.#began);
  }
}

/** Reads what a connection gives, up to its end. @param request is sent first. */
const connectionOut =
  (port: number, request = '') =>
  async (guest: BenchGuest): Promise<number> => {
    const stream = await connectTo(guest, port);
    const meter = new Meter();
    if (request !== '') stream.write(request);
    stream.on('data', (chunk: Buffer) => meter.count(chunk.length));
    await once(stream, 'end');
    stream.destroy();
    return meter.rate();
  };

/** All bytes, from when they are asked for. */
function zeros(meter: Meter, ready: Promise<unknown>): Readable {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  const chunks = async function* (): AsyncGenerator<Buffer> {
    await ready;
    meter.begin();
    for (let left = meter.expected; left > 0; left -= chunk.length) yield chunk.subarray(0, left);
  };
  return Readable.from(chunks(), { objectMode: false });
}

/** Sends to a connection whose peer says at last how much it got. */
async function rawIn(guest: BenchGuest): Promise<number> {
  const stream = await connectTo(guest, BenchPort.SINK);
  const meter = new Meter();
  zeros(meter, Promise.resolve()).pipe(stream);
  const [answer] = await once(stream, 'data');
  meter.count(Number(String(answer)));
  stream.destroy();
  return meter.rate();
}

/** What a program that reads says, see streamProgram(). */
class Dialogue {
  readonly meter: Meter;
  /** What it reads. */
  readonly input: Readable;
  readonly #ready = Promise.withResolvers<void>();

  constructor(meter = new Meter()) {
    this.meter = meter;
    this.input = zeros(meter, this.#ready.promise);
  }

  hear(words: Uint8Array): void {
    const text = Buffer.from(words).toString();
    if (text.includes('r')) this.#ready.resolve();
    // The program has no way to say how much it was; a byte that is missing is for the tests to find.
    if (text.includes('d')) this.meter.count(this.meter.expected);
  }
}

const connectionIn =
  (port: number) =>
  async (guest: BenchGuest): Promise<number> => {
    const stream = await connectTo(guest, port);
    const dialogue = new Dialogue();
    stream.on('data', (words: Buffer) => dialogue.hear(words));
    dialogue.input.pipe(stream);
    await once(stream, 'end');
    stream.destroy();
    return dialogue.meter.rate();
  };

/** Runs the program in the container, and carries its streams. */
const processStream =
  (streams: StreamKind, direction: 'out' | 'in') =>
  async ({ container }: BenchGuest): Promise<number> => {
    const mib = streams === 'unary' ? UNARY_MIB : STREAM_MIB;
    const running = await container.exec({ command: ['sh', '-c', streamProgram(direction, false, mib)], streams });
    const meter = new Meter(mib << 20);
    const dialogue = direction === 'in' ? new Dialogue(meter) : undefined;
    await running.carry({
      stdin: dialogue?.input,
      stdout: (chunk) => {
        if (dialogue === undefined) meter.count(chunk.length);
        else dialogue.hear(chunk);
        return Promise.resolve();
      },
      stderr: () => Promise.resolve(),
    });
    const code = await running.wait();
    if (code !== 0) throw new Error(`the program ended with ${code}`);
    return meter.rate();
  };

const DIRECTIONS: Readonly<Record<string, Measures>> = {
  'out of the guest': {
    raw: connectionOut(BenchPort.SOURCE, `${BYTES}\n`),
    direct: connectionOut(BenchPort.PROGRAM_OUT),
    pump: connectionOut(BenchPort.PUMP_OUT),
    passfd: processStream('passfd', 'out'),
    unary: processStream('unary', 'out'),
  },
  'into the guest': {
    raw: rawIn,
    direct: connectionIn(BenchPort.PROGRAM_IN),
    pump: connectionIn(BenchPort.PUMP_IN),
    passfd: processStream('passfd', 'in'),
    unary: processStream('unary', 'in'),
  },
};

/** Rates by the names of the ways, one a round. */
type Figures = ReadonlyMap<string, readonly number[]>;

async function measure(guest: BenchGuest, measures: Measures, rounds: number): Promise<Figures> {
  const figures = new Map<string, number[]>(Object.keys(measures).map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, take] of Object.entries(measures)) figures.get(name)?.push(await take(guest));
  }
  return figures;
}

const median = (values: readonly number[]): number => quantile(values, 0.5);

/** Median of the ratios within a round: what else the machine does changes slower than that. */
function ratio(figures: Figures, of: string, to: string): string {
  const against = figures.get(to) ?? [];
  return median((figures.get(of) ?? []).map((value, round) => value / (against[round] ?? Number.NaN))).toFixed(2);
}

/** Nanoseconds a byte, in the round that was disturbed least. */
const costOf = (figures: Figures, name: string): number => 1000 / Math.max(...(figures.get(name) ?? []));

/** Rows of the two tables for one guest. */
async function rowsOf(guest: BenchGuest, cpus: number, rounds: number) {
  const speeds: string[][] = [];
  const parts: string[][] = [];
  for (const [direction, measures] of Object.entries(DIRECTIONS)) {
    const figures = await measure(guest, measures, rounds);
    const row = `${direction}, ${cpus} vCPU`;
    const cells = [...figures.values()].map((all) => `${median(all).toFixed(0)} / ${Math.max(...all).toFixed(0)}`);
    speeds.push([row, ...cells, ...['raw', 'direct', 'pump'].map((to) => ratio(figures, 'passfd', to))]);
    const [direct, pump, passfd] = ['direct', 'pump', 'passfd'].map((name) => costOf(figures, name));
    if (direct === undefined || pump === undefined || passfd === undefined) continue;
    parts.push([row, ...[direct, pump - direct, passfd - pump, passfd].map((value) => value.toFixed(1))]);
  }
  return { speeds, parts };
}

async function main(rounds: number): Promise<void> {
  const speeds: string[][] = [];
  const parts: string[][] = [];
  let accelerator = '';
  for (const cpus of CPUS) {
    const guest = await startBenchGuest('tests-bench-stream', cpus);
    ({ accelerator } = guest);
    try {
      const rows = await rowsOf(guest, cpus, rounds);
      speeds.push(...rows.speeds);
      parts.push(...rows.parts);
    } finally {
      await guest.stop();
    }
  }
  const section = `## stream

MB/s of ${STREAM_MIB} MiB (unary: ${UNARY_MIB}), median / best of ${rounds} rounds, the ways of a row in turn in one machine, from the first byte to
the last. A ratio is the median of those within a round.

- *raw*: a vsock connection between this process and a Node program in the guest, which writes the same 256 KiB again and
  again, or reads and counts.
- *direct*: the connection is the standard output, or input, of busybox's \`dd bs=256k\` from /dev/zero or to /dev/null: the
  ceiling, since a program in C is faster than Node's streams.
- *pump*: that program, a pipe, and a second \`dd\` that copies between the pipe and the connection: what a pipe costs at least.
- *passfd*, *unary*: the same program in a container, its streams carried by the agent.

Machine and guest:

- machine: ${describeMachine()}
- accelerator: ${accelerator}; guest kernel ${findImage().kernelVersion}
- date: ${new Date().toISOString().slice(0, 10)}

${markdownTable(['MB/s', 'raw', 'direct', 'pump', 'passfd', 'unary', 'passfd / raw', '/ direct', '/ pump'], speeds)}

Where the time of a byte goes in the best round (ns). What a pipe costs is two copies, a page to be found and zeroed for
each 4 KiB, and the switches between the two programs; the agent's own is its JavaScript, and what a container costs.

${markdownTable(['ns a byte', 'connection and program', 'pipe and pump', 'agent beyond that', 'passfd'], parts)}
`;
  process.stdout.write(section);
  writeSection('stream', section);
}

const [rounds = String(DEFAULT_ROUNDS)] = process.argv.slice(2);
if (!/^[1-9]\d*$/.test(rounds)) {
  process.stderr.write(`usage: npm run bench -- stream [ROUNDS], not ${JSON.stringify(rounds)}\n`);
  process.exitCode = 2;
} else {
  await main(Number(rounds));
}
