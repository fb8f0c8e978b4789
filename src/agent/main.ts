/** kata-agent: sets the machine up where it is PID 1, and serves the sandbox until it is destroyed. */
import { readFileSync } from 'node:fs';
import { TtrpcServer } from '../wire/ttrpc/server.ts';
import { parseArguments } from './arguments.ts';
import { makeBaseMounts } from './boot/base-mounts.ts';
import { handleSignals, surviveUncaught } from './boot/emergency.ts';
import { tuneEngine } from './boot/engine.ts';
import { setUpMachine } from './boot/init.ts';
import { endMachine } from './boot/leave.ts';
import { setUpProcess } from './boot/process-setup.ts';
import type { AgentConfig } from './config/config.ts';
import { loadConfig } from './config/load.ts';
import { startDebugConsole } from './debug-console/debug-console.ts';
import { listen, parseEndpoint } from './endpoint.ts';
import { createExecStarter } from './exec/choose.ts';
import { HotplugDevices } from './hotplug/devices.ts';
import { dropNotice, LogOutput } from './log/log-output.ts';
import { createLogger, type Logger } from './log/logger.ts';
import { Reaper } from './process/reaper.ts';
import { UeventListener } from './process/uevents.ts';
import { fulfilledWithin } from './process/within.ts';
import { createAgentRouter } from './rpc/server.ts';
import type { AgentRuntime } from './runtime.ts';
import { OomEvents } from './sandbox/oom-events.ts';
import { Sandbox } from './sandbox/sandbox.ts';
import { FileThread } from './storage/file-thread.ts';
import { PassfdListener } from './stream/passfd.ts';
import { versionLine } from './version.ts';

/** For the answers in flight, such as DestroySandbox's own, before the machine goes (ms). */
const CLOSE_DEADLINE_MS = 10_000;

const isInit = process.pid === 1;

/** Sends the log to the port that the configuration asks for. */
async function openLogPort(config: AgentConfig, output: LogOutput): Promise<void> {
  if (config.logVport === 0) return;
  const { ReaderSink, serveLog } = await import('./log/vsock-sink.ts');
  const sink = new ReaderSink(dropNotice);
  serveLog(sink, config.logVport);
  output.redirect(sink);
}

/** Everything up to the first connection. */
async function start(configFile: string | undefined, output: LogOutput, bootLogger: Logger): Promise<AgentRuntime> {
  if (isInit) makeBaseMounts(bootLogger);
  tuneEngine(readFileSync('/proc/cpuinfo', 'utf8'));
  const config = await loadConfig({
    cmdline: readFileSync('/proc/cmdline', 'utf8'),
    ...(configFile === undefined ? {} : { configFile }),
    env: process.env,
    readFile: (path) => readFileSync(path, 'utf8'),
  });
  setUpProcess(bootLogger);
  if (isInit) setUpMachine(config, bootLogger);
  await openLogPort(config, output);
  const logger = createLogger(output, config.logLevel);
  logger.info({ 'agent-version': versionLine(), config }, 'announce');
  const reaper = new Reaper(logger);
  const uevents = new UeventListener(logger);
  reaper.start();
  // Before the first device can be plugged in on behalf of a request.
  uevents.start();
  const memory = new HotplugDevices('memory', logger);
  memory.follow(uevents);
  const exec = createExecStarter(reaper, logger, config.execLauncher);
  const oom = new OomEvents(logger);
  const files = new FileThread();
  const passfd = config.passfdListenerPort === 0 ? undefined : PassfdListener.listen(config.passfdListenerPort, logger);
  return { config, logger, reaper, uevents, memory, exec, oom, files, passfd };
}

/** Serves until the sandbox is destroyed, or a signal asks for the end. */
async function serve(runtime: AgentRuntime): Promise<void> {
  const { config, logger } = runtime;
  const { promise: ended, resolve: shutdown } = Promise.withResolvers<void>();
  const sandbox = new Sandbox(runtime);
  const router = createAgentRouter({ ...runtime, sandbox, shutdown });
  const server = new TtrpcServer({ handler: (call) => router.dispatch(call) });
  handleSignals(isInit, logger, shutdown);
  const listener = await listen(parseEndpoint(config.serverAddr), logger, (socket) => server.serve(socket));
  const shell = await startDebugConsole(config, logger, runtime.reaper);
  logger.info({ address: config.serverAddr }, 'listening');
  await ended;
  listener.close();
  runtime.passfd?.close();
  shell?.close();
  runtime.exec.close();
  if (!(await fulfilledWithin(server.close(), CLOSE_DEADLINE_MS))) logger.warn('connections did not end in time');
}

/** Runs the agent to its end; PID 1's end is the machine's, by way of the `exit` handler. */
async function runAgent(configFile: string | undefined): Promise<void> {
  const output = new LogOutput();
  const bootLogger = createLogger(output, 'debug');
  surviveUncaught(bootLogger, output);
  // Whatever way leads there: an exit of PID 1 is a kernel panic.
  if (isInit) process.on('exit', () => endMachine(output));
  try {
    const runtime = await start(configFile, output, bootLogger);
    await serve(runtime);
    runtime.logger.info('leaving');
  } catch (error) {
    process.exitCode = 1;
    bootLogger.fatal({ error }, 'the agent cannot go on');
    output.lastWords(`kata-agent: ${error instanceof Error ? error.message : String(error)}\n`);
  }
  await output.end();
  process.exit();
}

async function main(): Promise<void> {
  try {
    const args = parseArguments(process.argv.slice(2), isInit);
    if (args.kind === 'serve') await runAgent(args.configFile);
    else process.stdout.write(`${versionLine()}\n`);
  } catch (error) {
    process.stderr.write(`kata-agent: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  }
}

void main();
