/** The sandbox's interfaces, which all its containers share. */
import { readdirSync, readFileSync } from 'node:fs';
import type { grpc } from '../../wire/generated/proto.js';
import { unlessGone } from '../container/cgroup-tree.ts';
import { u64 } from './number.ts';

const INTERFACES = '/sys/class/net';
/** Leads nowhere. */
const LOOPBACK = 'lo';

/** Fields of the message, which are the kernel's own names of its counters. */
const COUNTERS = [
  'rx_bytes',
  'rx_packets',
  'rx_errors',
  'rx_dropped',
  'tx_bytes',
  'tx_packets',
  'tx_errors',
  'tx_dropped',
] as const satisfies readonly (keyof grpc.NetworkStats.$Shape)[];

/**
 * What went through each interface but the loopback one.
 * @throws KataError ERR_SYSCALL.
 */
export function networkStats(directory = INTERFACES): grpc.NetworkStats.$Properties[] {
  // The control file of bonding lies among the interfaces.
  const entries = unlessGone(() => readdirSync(directory, { withFileTypes: true }), []).filter((one) => !one.isFile());
  const names = entries.map(({ name }) => name).filter((name) => name !== LOOPBACK);
  return names.flatMap((name) => {
    const statistics = `${directory}/${name}/statistics`;
    const read = (counter: string): [string, ReturnType<typeof u64>] => [
      counter,
      u64(readFileSync(`${statistics}/${counter}`, 'utf8')),
    ];
    // One that goes meanwhile is left out.
    const counters = unlessGone(() => COUNTERS.map(read), undefined);
    return counters === undefined ? [] : [{ name, ...Object.fromEntries(counters) }];
  });
}
