/** `kata-sandbox attach`: joins the streams of a container's own program. */
import { type Duplex, Transform, type TransformCallback } from 'node:stream';
import type { Command } from 'commander';
import { encodeFrame, FrameParser } from '../host/keeper/attach-frame.ts';
import { KeeperClient } from '../host/keeper/control-client.ts';
import type { ContainerInfo } from '../host/keeper/protocol.ts';
import { sinkTo } from '../host/output.ts';
import { KataError } from '../wire/error.ts';
import { DetachKeys } from './detach-keys.ts';
import { RawTerminal, requireTerminal } from './local-terminal.ts';
import { releaseInput } from './own-input.ts';
import { reporting } from './report.ts';
import { SignalProxy } from './signal-proxy.ts';
import { containerTarget, requireNotLost, TARGET } from './target.ts';

interface AttachFlags {
  readonly stdin: boolean;
}

/** A size that no terminal has: the container's terminal takes ours as soon as we are attached. */
const NO_SIZE = { rows: 0, columns: 0 };

/** Adds the command to the program. */
export function addAttach(program: Command): void {
  program
    .command('attach')
    .summary("join the streams of a container's program, from now on")
    .description(
      "Shows a container's output from now on, and gives it our input where it was made with -i. Ends with the program's " +
        'exit status. Ctrl-P Ctrl-Q leaves a container that has a terminal. The end of our input is the end of its input. ' +
        'SIGINT, SIGTERM and SIGHUP go to the program; the second one gives it up.',
    )
    .argument(TARGET)
    .option('--no-stdin', 'leave our input alone')
    .action((target: string, flags: AttachFlags) => reporting(() => attach(target, flags)));
}

async function attach(name: string, flags: AttachFlags): Promise<number> {
  const { sandbox, container } = containerTarget(name);
  requireNotLost(sandbox);
  const keeper = new KeeperClient(sandbox);
  const info = (await keeper.info()).containers.find(({ id }) => id === container);
  if (info === undefined) throw new KataError('ERR_NOT_FOUND', `sandbox ${sandbox} has no container ${container}`);
  const status = await join(keeper, info, info.interactive && flags.stdin);
  if (status === undefined) process.stderr.write('\ndetached\n');
  return status ?? 0;
}

/** @returns the program's exit status; undefined where the user left it. */
async function join(keeper: KeeperClient, info: ContainerInfo, takesInput: boolean): Promise<number | undefined> {
  const container = info.id;
  const raw = takesInput && info.terminal;
  if (raw) requireTerminal();
  const stream = await keeper.attach(container);
  using _proxy = new SignalProxy(raw, (signal) => (raw ? Promise.resolve() : keeper.signal(container, signal)));
  using _raw = raw
    ? new RawTerminal(NO_SIZE, (size) => void keeper.resize(container, size).catch(() => {}))
    : undefined;
  return await carry(stream, info, takesInput);
}

async function carry(stream: Duplex, { terminal }: ContainerInfo, takesInput: boolean): Promise<number | undefined> {
  const detached = Promise.withResolvers<undefined>();
  if (takesInput) {
    const frames = new InputFrames(terminal ? new DetachKeys() : undefined, () => detached.resolve(undefined));
    // The end of our input is a frame; the connection goes on, for the output.
    process.stdin.pipe(frames).pipe(stream, { end: false });
  }
  try {
    return await Promise.race([readFrames(stream), detached.promise]);
  } finally {
    if (takesInput) releaseInput();
    stream.destroy();
  }
}

async function readFrames(stream: Duplex): Promise<number> {
  const parser = new FrameParser();
  const sinks = { stdout: sinkTo(process.stdout), stderr: sinkTo(process.stderr) };
  for await (const chunk of stream) {
    for (const { kind, bytes } of parser.feed(chunk)) {
      if (kind === 'stdout' || kind === 'stderr') await sinks[kind](bytes);
      else if (kind === 'exit') return Number(bytes.toString('latin1'));
      else if (kind === 'notice') throw new KataError('ERR_UNAVAILABLE', bytes.toString('utf8'));
    }
  }
  throw new KataError('ERR_UNAVAILABLE', 'the keeper has ended');
}

/** Makes frames of what is typed. */
class InputFrames extends Transform {
  readonly #keys: DetachKeys | undefined;
  readonly #onDetach: () => void;

  constructor(keys: DetachKeys | undefined, onDetach: () => void) {
    super();
    this.#keys = keys;
    this.#onDetach = onDetach;
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    const { bytes, detached } = this.#keys?.feed(chunk) ?? { bytes: chunk, detached: false };
    if (detached) this.#onDetach();
    if (bytes.length > 0) done(null, encodeFrame('input', bytes));
    else done();
  }

  override _flush(done: TransformCallback): void {
    done(null, encodeFrame('input end'));
  }
}
