/** Chooses how a guest's vsock is made: by the host's kernel where it can, else by our own device. */

import { randomInt } from 'node:crypto';
import { accessSync, constants, readFileSync, writeFileSync } from 'node:fs';
import { hasErrno } from '../wire/error.ts';
import { KernelVsock } from './kernel-vsock.ts';
import type { VsockDeviceKind } from './qemu/arguments.ts';
import type { StateDirectory } from './state/state-dir.ts';
import { VsockDevice } from './vsock/device.ts';
import type { GuestVsock, VsockConnector } from './vsock/guest-vsock.ts';
import { HybridClient } from './vsock/hybrid-client.ts';

/** The device through which QEMU asks the host's kernel for a guest's vsock. */
export const VHOST_VSOCK = '/dev/vhost-vsock';
/** Context id of a guest behind our own device. It is seen by that guest only, so all of them may have the same. */
const PRIVATE_CID = 3;
/**
 * Context ids of guests behind the host's kernel are drawn from here: 0 to 2 have a meaning (vsock(7)), low ones are
 * what people write by hand. The kernel refuses one that is taken; among so many that does not happen by chance.
 */
const CID_RANGE = [0x1000_0000, 0x7fff_ffff] as const;

/** The file that tells other processes the context id; without it they use the hybrid socket. */
const CID_FILE = 'vsock-cid';
const HYBRID_SOCKET = 'hv.sock';

/** An open vsock and the device with which QEMU gives it to the guest. */
export interface OpenedVsock {
  readonly vsock: GuestVsock;
  readonly device: VsockDeviceKind;
}

/** Opens the vsock of a sandbox, before QEMU starts. */
export async function openGuestVsock(state: StateDirectory): Promise<OpenedVsock> {
  if (isVhostUsable()) {
    const guestCid = randomInt(...CID_RANGE);
    writeFileSync(state.file(CID_FILE), `${guestCid}\n`);
    return { vsock: new KernelVsock(guestCid), device: { kind: 'vhost', guestCid } };
  }
  const socketPath = state.file('vsock.sock');
  const vsock = await VsockDevice.open({ socketPath, guestCid: PRIVATE_CID, hybridPath: state.file(HYBRID_SOCKET) });
  return { vsock, device: { kind: 'vhost-user', socketPath } };
}

/** The guest's ports of a sandbox that another process has started. */
export function connectorOf(state: StateDirectory): VsockConnector {
  const guestCid = recordedCid(state);
  return guestCid === undefined ? new HybridClient(state.file(HYBRID_SOCKET)) : new KernelVsock(guestCid);
}

function recordedCid(state: StateDirectory): number | undefined {
  try {
    return Number(readFileSync(state.file(CID_FILE), 'utf8'));
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function isVhostUsable(): boolean {
  try {
    accessSync(VHOST_VSOCK, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
