/**
 * Stands in for a Kata shim, as a process that can be killed: starts virtiofsd with its listening socket, then the machine
 * monitor, as children that do not die with it by themselves. Run in a network namespace of its own, where it makes the
 * tap. Arguments: the run directory, the monitor, and the monitor's arguments. Prints the two pids as JSON.
 */
import { spawn, spawnSync } from 'node:child_process';
import { closeSync } from 'node:fs';
import { join } from 'node:path';
import { findVirtiofsd, virtiofsdArguments } from '../../../src/host/virtiofsd.ts';
import { unixListen } from '../../../src/linux/unix-listen.ts';

const SOCKET_FD = 3;

const [runDirectory = '', program = '', ...args] = process.argv.slice(2);
const tap = ['tuntap', 'add', 'tap0_kata', 'mode', 'tap', 'vnet_hdr'];
if (spawnSync('ip', tap, { stdio: 'inherit' }).status !== 0) throw new Error('no tap');

const socket = unixListen(join(runDirectory, 'virtiofsd.sock'), 1);
const { path, kind } = await findVirtiofsd();
const virtiofsd = spawn(path, virtiofsdArguments(kind, SOCKET_FD, join(runDirectory, 'shared')), {
  stdio: ['ignore', 'ignore', 'inherit', socket],
  // A group of its own: it has children, and all of it is to be killed together.
  detached: true,
});
closeSync(socket);
const monitor = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
monitor.on('exit', (code, signal) => process.stdout.write(`${JSON.stringify({ code, signal })}\n`));
process.stdout.write(`${JSON.stringify({ virtiofsd: virtiofsd.pid, monitor: monitor.pid })}\n`);
