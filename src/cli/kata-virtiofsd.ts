/**
 * The program `kata-virtiofsd`: stands where Kata's shim expects virtiofsd, and becomes the one that the machine has, with
 * the arguments that one understands. Becomes, because the shim waits for the process that it has started and kills it.
 */

import { readFileSync } from 'node:fs';
import { type FsRequest, type FsSettings, parseFsArguments } from '../host/kata-virtiofsd/arguments.ts';
import { fsCommand } from '../host/kata-virtiofsd/command.ts';
import { propagationNote } from '../host/kata-virtiofsd/propagation.ts';
import { findVirtiofsd, type Virtiofsd } from '../host/virtiofsd.ts';
import { becomeProgram } from '../linux/exec.ts';
import { logToSystem } from '../linux/syslog.ts';
import { KataError } from '../wire/error.ts';
import { OWN_FAILURE } from './exit-status.ts';

/** Names the virtiofsd to run, in the place of the one that is found. */
const PROGRAM_VARIABLE = 'KATA_VIRTIOFSD';

const STDIO = [0, 1, 2] as const;

/** The shim throws standard error away, so what has to be known goes to the system log as well. */
function say(level: 'error' | 'warning', text: string): void {
  const line = `kata-virtiofsd: ${text}`;
  process.stderr.write(`${line}\n`);
  logToSystem(level, line);
}

function settingText({ chosen }: FsSettings, option: string): string | undefined {
  const value = [...chosen].find(([{ name }]) => name === option)?.[1];
  return typeof value === 'string' ? value : undefined;
}

/** Descriptor of the socket, which the program gets beside the standard ones. */
function socketOf(settings: FsSettings): number[] {
  const fd = settingText(settings, 'fd');
  return fd === undefined ? [] : [Number(fd)];
}

function become(program: Virtiofsd, args: readonly string[], keep: readonly number[]): never {
  const env = Object.entries(process.env).map(([name, value]) => `${name}=${value ?? ''}`);
  becomeProgram({ path: program.path, argv: [program.path, ...args], env, keep: [...STDIO, ...keep] });
}

function start(request: FsRequest, program: Virtiofsd): never {
  if (request.kind === 'ask') become(program, [request.question], []);
  const { args, notes } = fsCommand(request.settings, program.kind);
  for (const note of notes) say('warning', note);
  const directory = settingText(request.settings, 'shared-dir');
  const deaf = directory && propagationNote(readFileSync('/proc/self/mountinfo', 'utf8'), directory);
  if (deaf) say('warning', deaf);
  become(program, args, socketOf(request.settings));
}

try {
  const request = parseFsArguments(process.argv.slice(2));
  start(request, await findVirtiofsd(process.env[PROGRAM_VARIABLE] || undefined));
} catch (error) {
  say('error', KataError.from(error).message);
  process.exitCode = OWN_FAILURE;
}
