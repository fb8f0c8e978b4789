/** The keeper's process: from the request of the command that started it to the end of its sandbox. */
import { closeSync, openSync } from 'node:fs';
import { duplicateTo } from '../../linux/dup.ts';
import { KataError } from '../../wire/error.ts';
import { unlessAborted } from '../abort.ts';
import type { SandboxOptions } from '../sandbox-options.ts';
import { ControlServer } from './control-server.ts';
import { decodeJson } from './json.ts';
import { Keeper } from './keeper.ts';
import { type KeeperReport, type SandboxRequest, sandboxRequest, toErrorInfo } from './protocol.ts';

/** What a keeper says that has nobody to say it to. */
const LOG_FILE = 'keeper.log';
const STDERR = 2;

/**
 * Serves one sandbox. Reports go to the parent until it is ready; a parent that goes away before that takes the sandbox
 * with it.
 * @returns the process's exit status.
 */
export async function keeperMain(): Promise<number> {
  const giveUp = new AbortController();
  const cancel = (why: string) => (): void => giveUp.abort(new KataError('ERR_CANCELLED', why));
  const onDisconnect = cancel('the command that makes the sandbox has gone');
  process.on('disconnect', onDisconnect);
  process.on('SIGTERM', cancel('stopped by SIGTERM'));
  // No terminal is behind it.
  for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});
  try {
    const { keeper, server } = await serve(await takeRequest(giveUp.signal), giveUp.signal);
    process.off('disconnect', onDisconnect);
    if (process.connected) process.disconnect?.();
    giveUp.signal.addEventListener('abort', () => void keeper.stop().catch(complain));
    if (giveUp.signal.aborted) await keeper.stop();
    await keeper.ended;
    await server.close();
    return 0;
  } catch (error) {
    await report({ is: 'failed', error: toErrorInfo(error) });
    return 1;
  }
}

async function takeRequest(signal: AbortSignal): Promise<SandboxRequest> {
  const { promise, resolve } = Promise.withResolvers<string>();
  process.once('message', (message) => resolve(String(message)));
  if (!process.connected) throw new KataError('ERR_FAILED_PRECONDITION', 'a keeper is started by kata-sandbox create');
  return decodeJson(await unlessAborted(promise, signal), sandboxRequest, 'request');
}

/** Makes the sandbox with its first container, and tells the parent. Where that fails nothing is left. */
async function serve(
  request: SandboxRequest,
  signal: AbortSignal,
): Promise<{ readonly keeper: Keeper; readonly server: ControlServer }> {
  const keeper = await Keeper.boot({ ...request.sandbox, ...reports(), signal });
  try {
    const server = await ControlServer.open(keeper);
    const container = await unlessAborted(keeper.create(request.container), signal);
    redirectComplaints(keeper.state.file(LOG_FILE));
    await report({ is: 'ready', container });
    return { keeper, server };
  } catch (error) {
    await keeper.stop().catch(complain);
    throw error;
  }
}

function reports(): Pick<SandboxOptions, 'onPhase' | 'onConsoleLine' | 'onAccelerator'> {
  const line = (text: string): void => void report({ is: 'line', text });
  return {
    onPhase: (phase, atMs) => line(`[${(atMs / 1000).toFixed(3).padStart(8)} s] ${phase}`),
    onConsoleLine: (text) => line(`console: ${text}`),
    onAccelerator: line,
  };
}

/** Resolves when the report has left. A parent that has gone needs none. */
function report(message: KeeperReport): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(JSON.stringify(message), () => resolve());
  });
}

/** The parent's pipe ends with the parent. */
function redirectComplaints(path: string): void {
  const log = openSync(path, 'a', 0o600);
  duplicateTo(log, STDERR);
  closeSync(log);
}

function complain(error: unknown): void {
  process.stderr.write(`kata-sandbox keeper: ${KataError.from(error).message}\n`);
}
