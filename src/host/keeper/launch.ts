/** Starts the keeper of a new sandbox, as a process that outlives this one. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { KataError } from '../../wire/error.ts';
import { decodeJson } from './json.ts';
import { fromErrorInfo, keeperReport, type SandboxRequest } from './protocol.ts';

/** The hidden command that {@link launchKeeper} runs. */
export const KEEPER_COMMAND = 'keeper';
/** Last words of a keeper that fails in an unforeseen way (bytes). */
const LAST_WORDS_BYTES = 4096;

/**
 * Makes a sandbox and its first container, and leaves both to a keeper: this same program, in a session of its own.
 * @param onLine gets what `--verbose` shows.
 * @param signal takes everything back; its reason is thrown then.
 * @returns the container's id.
 * @throws KataError as the keeper says; nothing is left then.
 */
export async function launchKeeper(
  request: SandboxRequest,
  onLine: (line: string) => void,
  signal: AbortSignal,
): Promise<string> {
  signal.throwIfAborted();
  const argv = [...process.execArgv, process.argv[1] ?? '', KEEPER_COMMAND, request.sandbox.id];
  const child = spawn(process.execPath, argv, { cwd: '/', detached: true, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  const lastWords = collectTail(child);
  const stop = (): void => void child.kill('SIGTERM');
  signal.addEventListener('abort', stop);
  try {
    const ended = once(child, 'exit');
    const reported = nextReport(child, onLine);
    child.send(JSON.stringify(request), () => {
      // A keeper that has gone already is seen by its end.
    });
    const container = await Promise.race([reported, ended.then(() => undefined)]);
    if (container !== undefined) return container;
    signal.throwIfAborted();
    throw new KataError('ERR_INTERNAL', `the keeper ended early: ${lastWords() || 'it said nothing'}`);
  } catch (error) {
    // What it has made goes before it does.
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) await once(child, 'exit');
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
    child.stderr?.destroy();
    if (child.connected) child.disconnect();
    child.unref();
  }
}

/** Resolves with the container's id when the keeper is ready; rejects with its error. */
function nextReport(child: ChildProcess, onLine: (line: string) => void): Promise<string> {
  return new Promise((resolve, reject) => {
    child.on('error', (cause) =>
      reject(new KataError('ERR_HOST', `cannot start a keeper: ${cause.message}`, { cause })),
    );
    child.on('message', (message) => {
      const report = decodeJson(String(message), keeperReport, "the keeper's report");
      if (report.is === 'line') onLine(report.text);
      else if (report.is === 'ready') resolve(report.container);
      else reject(fromErrorInfo(report.error));
    });
  });
}

function collectTail(child: ChildProcess): () => string {
  let tail = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    tail = `${tail}${chunk.toString('utf8')}`.slice(-LAST_WORDS_BYTES);
  });
  return () => tail.trim();
}
