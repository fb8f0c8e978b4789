/** ssh to a dropbear in the guest, whose connection goes over the guest's vsock. */
import { execFile } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram } from '../../src/host/program.ts';
import { KataError } from '../../src/wire/error.ts';
import { BenchPort } from '../../test/integration/guest/bench-ports.ts';
import { guestOutput } from '../../test/integration/support/guest-shell.ts';
import { type BenchGuest, carryProgram, connectTo, startInGuest } from './bench-guest.ts';

const run = promisify(execFile);

/** An ssh client that is ready to run commands. */
export interface SshParty {
  /** Runs `true` by a connection of its own. */
  fresh(): Promise<void>;
  /** Runs `true` by a connection that is kept. */
  kept(): Promise<void>;
  stop(): Promise<void>;
}

/** Gives the guest a dropbear, and root there a key of ours. */
async function startDropbear(guest: BenchGuest, dropbear: string, directory: string): Promise<void> {
  await run('dropbearkey', ['-t', 'ed25519', '-f', join(guest.tools, 'hostkey')]);
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(directory, 'key')]);
  copyFileSync(join(directory, 'key.pub'), join(guest.tools, 'authorized_keys'));
  const { guestTools, sandbox } = guest;
  await guestOutput(
    sandbox.vsock,
    `ip link set lo up; mount -t tmpfs -o mode=700 tmpfs /root; mkdir -m 700 /root/.ssh
     cp ${guestTools}/authorized_keys /root/.ssh/; chmod 600 /root/.ssh/authorized_keys; cp ${guestTools}/hostkey /root/hostkey`,
  );
  await startInGuest(
    guest,
    `${dropbear} -F -E -r /root/hostkey -p 127.0.0.1:${BenchPort.TCP} -P /root/pid`,
    'dropbear',
  );
}

/** A port of this machine that leads to the peer's, and so to dropbear. */
function forwardPort(guest: BenchGuest): Promise<{ server: Server; port: number }> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    void connectTo(guest, BenchPort.TCP).then((stream) => {
      stream.on('error', () => socket.destroy());
      socket.on('close', () => stream.destroy());
      socket.pipe(stream).pipe(socket);
    });
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve({ server, port: typeof address === 'object' && address !== null ? address.port : 0 });
    });
  });
}

/**
 * Sets all up.
 * @param directory for keys and sockets of the client; empty.
 * @returns in words what is missing, where it cannot.
 */
export async function startSsh(guest: BenchGuest, directory: string): Promise<SshParty | string> {
  const missing = ['dropbearkey', 'ssh', 'ssh-keygen'].filter((name) => findProgram(name) === undefined);
  if (missing.length > 0) return `this machine has no ${missing.join(', ')} (packages dropbear-bin, openssh-client)`;
  const dropbear = await carryProgram(guest, 'dropbear', ['/usr/sbin/dropbear']);
  if (dropbear === undefined) return 'this machine has no dropbear (package dropbear-bin)';
  await startDropbear(guest, dropbear, directory);
  const { server, port } = await forwardPort(guest);
  const options = [
    ...['-F', '/dev/null', '-p', `${port}`, '-i', join(directory, 'key'), '-o', 'BatchMode=yes'],
    ...['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR'],
  ];
  const control = ['-o', `ControlPath=${join(directory, 'control')}`];
  const target = 'root@127.0.0.1';
  try {
    await run('ssh', [...options, ...control, '-o', 'ControlMaster=yes', '-o', 'ControlPersist=yes', target, 'true']);
  } catch (error) {
    server.close();
    const log = await guestOutput(guest.sandbox.vsock, 'cat /tmp/dropbear.log');
    throw new Error(`${KataError.from(error).message}\n${log}`);
  }
  return {
    fresh: async () => void (await run('ssh', [...options, target, 'true'])),
    kept: async () => void (await run('ssh', [...options, ...control, target, 'true'])),
    stop: async () => {
      await run('ssh', [...options, ...control, '-O', 'exit', target]);
      server.close();
    },
  };
}
