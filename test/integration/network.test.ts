/** Interfaces, routes, neighbours and packet filters of a guest, by the calls that a shim makes. */
import { join } from 'node:path';
import Long from 'long';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RUN_ROOT } from '../../src/host/paths.ts';
import { QmpClient } from '../../src/host/qemu/qmp.ts';
import { Sandbox } from '../../src/host/sandbox.ts';
import { types } from '../../src/wire/generated/proto.js';
import { guestOutput } from './support/guest-shell.ts';
import { until } from './support/in-time.ts';
import { leftoversOf } from './support/leftovers.ts';

const ID = 'test-network';
/** The first two are there at the start, the others are plugged in later. */
const MACS = ['02:00:00:00:00:0a', '02:00:00:00:00:0b', '02:00:00:00:00:0c', '02:00:00:00:00:0d'] as const;
const [MAC_A, MAC_B, MAC_C, MAC_D] = MACS;

const NETWORKS = MACS.flatMap((_, index) => ['-netdev', `hubport,id=net${index},hubid=${index}`]);
const PORTS = [2, 3].flatMap((index) => [
  '-device',
  `pcie-root-port,id=port${index},chassis=${index},slot=${index},bus=pcie.0,addr=1${index}.0`,
]);
const NICS = [MAC_A, MAC_B].flatMap((mac, index) => [
  '-device',
  `virtio-net-pci,netdev=net${index},mac=${mac},romfile=`,
]);

/** The shell of busybox would take its own. */
const IP = '/usr/sbin/ip';

const v4 = (address: string, mask: string) => ({ address, mask });
const v6 = (address: string, mask: string) => ({ family: types.IPFamily.v6, address, mask });

describe('the network of a guest', () => {
  let sandbox: Sandbox;
  let qmp: QmpClient;
  const guest = (script: string): Promise<string> => guestOutput(sandbox.vsock, script);

  beforeAll(async () => {
    sandbox = await Sandbox.boot({
      id: ID,
      qemuArguments: [...NETWORKS, ...PORTS, ...NICS],
      // Emulated, and beside other work, a device takes longer than the three seconds that are the rule.
      kernelParameters: ['agent.hotplug_timeout=60'],
    });
    qmp = await QmpClient.connect(join(RUN_ROOT, ID, 'qmp.sock'));
  });
  afterAll(async () => {
    qmp.close();
    await sandbox.stop();
    expect(leftoversOf(ID)).toEqual([]);
  });

  const set = (name: string, hwAddr: string, more: types.Interface.$Properties = {}) =>
    sandbox.calls.agent.UpdateInterface({
      interface: { device: name, name, hwAddr, mtu: Long.fromNumber(1500, true), ...more },
    });

  /** What the guest has, but for what changes by itself. */
  const state = async (): Promise<string> =>
    await guest(
      [
        `${IP} -br link | grep -v '^lo' | busybox awk '{ print $1, $3, $4 ~ /[<,]UP[,>]/ }'`,
        `${IP} -br addr | grep -v '^lo' | busybox awk '{ $2 = ""; print }'`,
        `${IP} -4 route; ${IP} -6 route | grep -v "^fe80"; ${IP} neigh show nud permanent`,
      ].join('\n'),
    );

  /** Does `change` twice: the second time changes nothing. */
  async function twice(change: () => Promise<void>): Promise<string> {
    await change();
    const first = await state();
    await change();
    expect(await state()).toBe(first);
    return first;
  }

  it('has two interfaces, whose drivers nobody has loaded before, by swapped names', async () => {
    expect(await guest('ls /sys/class/net')).toBe('lo');
    const { agent } = sandbox.calls;
    const both = async (): Promise<void> => {
      await set('eth1', MAC_A, { IPAddresses: [v4('10.1.0.2', '24'), v6('fd00:1:2:3::2', '60')] });
      await set('eth0', MAC_B, {
        IPAddresses: [v4('10.3.0.2', '24'), v6('fd00:9::3', '127')],
        mtu: Long.fromNumber(1400),
      });
      await agent.UpdateRoutes({
        routes: {
          Routes: [
            { device: 'eth0', gateway: '10.3.0.1' },
            { device: 'eth1', dest: '10.5.0.0/16', gateway: '169.254.1.1' },
            { device: 'eth1', dest: '169.254.1.1/32', scope: 253 },
            { device: 'eth1', gateway: 'fd00:1:2:4::1', family: types.IPFamily.v6 },
            { device: 'eth0', dest: 'fd00:20::/60', gateway: 'fe80::1', source: 'fd00:9::3' },
          ],
        },
      });
      await agent.AddARPNeighbors({
        neighbors: { ARPNeighbors: [{ device: 'eth0', toIPAddress: { address: '10.3.0.1' }, lladdr: MAC_C }] },
      });
    };
    await both();
    // The kernel's own addresses come when it has seen the carrier, a moment after the link is up.
    await until(
      'link-local addresses',
      async () => [...(await state()).matchAll(/^eth. .*\/\d+ +fe80::/gm)].length === 2,
    );
    const lines = (await twice(both)).split('\n').map((line) => line.replaceAll(/ +/g, ' ').trim());
    for (const expected of [
      `eth1 ${MAC_A} 1`,
      `eth0 ${MAC_B} 1`,
      'default via 10.3.0.1 dev eth0',
      '10.5.0.0/16 via 169.254.1.1 dev eth1',
      '169.254.1.1 dev eth1 scope link',
      `10.3.0.1 dev eth0 lladdr ${MAC_C} PERMANENT`,
    ]) {
      expect(lines).toContain(expected);
    }
    const text = lines.join('\n');
    expect(text).toMatch(/^eth1 10\.1\.0\.2\/24 fd00:1:2:3::2\/60 fe80::/m);
    expect(text).toMatch(/^eth0 10\.3\.0\.2\/24 fd00:9::3\/127 fe80::/m);
    expect(text).toMatch(/^default via fd00:1:2:4::1 dev eth1 /m);
    expect(text).toMatch(/^fd00:20::\/60 via fe80::1 dev eth0 .*src fd00:9::3/m);
    expect(await guest('cat /sys/class/net/eth0/mtu')).toBe('1400');
  });

  it('gets interfaces that are plugged in while they are waited for, by address and by place', async () => {
    const byAddress = set('eth2', MAC_C, { IPAddresses: [v4('10.7.0.2', '24')] });
    const byPlace = set('eth3', '', { devicePath: '13/00', IPAddresses: [v4('10.8.0.2', '24')] });
    for (const [index, mac] of [
      [2, MAC_C],
      [3, MAC_D],
    ] as const) {
      const device = { driver: 'virtio-net-pci', id: `nic${index}`, bus: `port${index}`, netdev: `net${index}`, mac };
      await qmp.execute('device_add', { ...device, romfile: '' });
    }
    await Promise.all([byAddress, byPlace]);
    const links = await guest(`${IP} -br link; ${IP} -br addr`);
    expect(links).toMatch(new RegExp(`^eth2 .*${MAC_C}`, 'm'));
    expect(links).toMatch(new RegExp(`^eth3 .*${MAC_D}`, 'm'));
    expect(links).toMatch(/^eth2 .*10\.7\.0\.2\/24/m);
    expect(links).toMatch(/^eth3 .*10\.8\.0\.2\/24/m);
  });

  it('takes packet filters, and gives them back', async () => {
    const { agent } = sandbox.calls;
    for (const [isIpv6, source] of [
      [false, '10.0.0.9/32'],
      [true, 'fd00::9/128'],
    ] as const) {
      const rules = `*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -s ${source} -p tcp -m tcp --dport 80 -j DROP\nCOMMIT\n`;
      await agent.SetIPTables({ is_ipv6: isIpv6, data: Buffer.from(rules) });
      await agent.SetIPTables({ is_ipv6: isIpv6, data: Buffer.from(rules) });
      const { data } = await agent.GetIPTables({ is_ipv6: isIpv6 });
      const kept = Buffer.from(data)
        .toString()
        .match(/^-A .*/gm);
      expect(kept).toEqual([`-A INPUT -s ${source} -p tcp -m tcp --dport 80 -j DROP`]);
    }
  });
});
