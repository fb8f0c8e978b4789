import { execFileSync } from 'node:child_process';
import Long from 'long';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { grpc, types } from '../../../../src/wire/generated/proto.js';
import { type RecordingName, readRecording } from '../../../replay/recording.ts';
import { LiveAgent } from './live-agent.ts';

/** What is compared of what ip(8) prints. */
interface Shown {
  readonly links: string[];
  readonly addresses: string[];
  readonly routes: string[];
  readonly neighbors: string[];
}

let live: LiveAgent;
beforeAll(async () => {
  // Interfaces that this agent waits for do not come.
  live = await LiveAgent.start('hotplug_timeout = { secs = 1, nanos = 0 }', ['-n']);
  ip('link set lo up');
});
afterAll(() => live.stop());
afterEach(() => {
  for (const { ifname } of json('link')) if (/^peer/.test(String(ifname))) ip(`link del ${ifname}`);
  ip('link set lo up');
});

/** Runs a program in the agent's network namespace. */
function inside(...argv: string[]): string {
  return execFileSync('nsenter', ['-t', String(live.agentPid()), '-n', '--', ...argv], { encoding: 'utf8' });
}

function ip(words: string): string {
  return inside('ip', ...words.split(' '));
}

function json(...words: string[]): Readonly<Record<string, unknown>>[] {
  return JSON.parse(inside('ip', '-j', ...words.flatMap((word) => word.split(' '))) || '[]');
}

/** Adds an interface, and its other end that is called `peer<name>`. */
function addLink(name: string, mac: string): void {
  ip(`link add name ${name} address ${mac} type veth peer name peer${name}`);
  ip(`link set peer${name} up`);
}

/** Everything but what changes by itself. */
function shown(): Shown {
  const isOurs = ({ ifname, dev }: Readonly<Record<string, unknown>>) => !/^(peer|lo$)/.test(String(ifname ?? dev));
  const links = json('addr').filter(isOurs);
  return {
    links: links
      .map((link) => [link['ifname'], link['address'], link['mtu'], up(link) ? 'up' : 'down'].join(' '))
      .sort(),
    addresses: links
      .flatMap((link) =>
        // Reason for the cast: it is what ip(8) prints.
        (link['addr_info'] as Record<string, unknown>[])
          .filter((address) => address['scope'] !== 'link')
          .map((address) => `${link['ifname']} ${address['local']}/${address['prefixlen']}`),
      )
      .sort(),
    routes: [...json('-4 route'), ...json('-6 route')].filter(isOurs).flatMap(routeText).sort(),
    neighbors: json('neigh show nud all')
      .filter((entry) => isOurs(entry) && !String(entry['state']).includes('NOARP'))
      .map((entry) => [entry['dst'], entry['dev'], entry['lladdr'], entry['state']].join(' '))
      .sort(),
  };
}

function up({ flags }: Readonly<Record<string, unknown>>): boolean {
  return Array.isArray(flags) && flags.includes('UP');
}

/** Those of the kernel's own making follow from the addresses. */
function routeText(route: Readonly<Record<string, unknown>>): string[] {
  if (route['protocol'] === 'kernel') return [];
  const { dst, gateway, dev, prefsrc, scope, flags, metrics } = route;
  const onlink = Array.isArray(flags) && flags.includes('onlink') ? 'onlink' : undefined;
  const mtu = metrics === undefined ? undefined : JSON.stringify(metrics);
  return [[dst, gateway, dev, prefsrc, scope, onlink, mtu].filter((part) => part !== undefined).join(' ')];
}

/** A request of a shim but for what the test says. */
function wanted(name: string, hwAddr: string, more: types.Interface.$Properties = {}) {
  return { interface: { device: name, name, hwAddr, mtu: Long.fromNumber(1500, true), ...more } };
}

const MAC_A = '02:00:00:00:00:0a';
const MAC_B = '02:00:00:00:00:0b';
const MAC_C = '02:00:00:00:00:0c';
const v4 = (address: string, mask: string) => ({ address, mask });
const v6 = (address: string, mask: string) => ({ family: types.IPFamily.v6, address, mask });

/** Two interfaces, each with an address of both families. */
async function twoLinks(): Promise<void> {
  addLink('eth0', MAC_A);
  addLink('eth1', MAC_B);
  const { agent } = live.client;
  await agent.UpdateInterface(wanted('eth0', MAC_A, { IPAddresses: [v4('10.1.0.2', '24'), v6('fd00:1::2', '64')] }));
  await agent.UpdateInterface(wanted('eth1', MAC_B, { IPAddresses: [v4('10.3.0.2', '24'), v6('fd00:3::2', '60')] }));
}

/** Does `change` twice: the second time changes nothing. */
async function twice(change: () => Promise<unknown>): Promise<Shown> {
  await change();
  const first = shown();
  await change();
  expect(shown()).toEqual(first);
  return first;
}

/** Everything is after a failing call as it was before. */
async function refused(change: () => Promise<unknown>, message: string | RegExp): Promise<void> {
  const before = shown();
  await expect(change()).rejects.toMatchObject({
    status: 13,
    message: typeof message === 'string' ? expect.stringContaining(message) : expect.stringMatching(message),
  });
  expect(shown()).toEqual(before);
}

describe('recorded calls of shims', () => {
  it.each<[RecordingName, string, string, string]>([
    ['shim-3.5.0-cloud-hypervisor', 'da:89:f7:cf:1a:4c', '10.77.0.2/24', '10.77.0.1'],
    ['shim-2.2.0-crio', '26:61:a7:9b:9c:20', '10.85.0.7/16', '10.85.0.1'],
  ])('%s: the interface and its default route', async (name, mac, address, gateway) => {
    const { agent } = live.client;
    addLink('ens3', mac);
    const calls = readRecording(name);
    const play = async () => {
      for (const { method, payload } of calls) {
        if (method === 'UpdateInterface') {
          const request = grpc.UpdateInterfaceRequest.decode(payload);
          expect(await agent.UpdateInterface(request)).toEqual(request.interface);
        }
        if (method === 'UpdateRoutes') await agent.UpdateRoutes(grpc.UpdateRoutesRequest.decode(payload));
      }
    };
    const { links, addresses, routes } = await twice(play);
    expect(links).toEqual([`eth0 ${mac} 1500 up`]);
    expect(addresses).toEqual([`eth0 ${address}`]);
    expect(routes).toEqual([`default ${gateway} eth0`]);
  });
});

describe('UpdateInterface', () => {
  it('gives name, addresses, MTU and flags; IPv6 prefixes of any length, usable at once', async () => {
    addLink('ens3', MAC_A);
    const request = wanted('eth0', MAC_A.toUpperCase(), {
      mtu: Long.fromNumber(1400, true),
      IPAddresses: [v4('10.1.0.2', '24'), v4('10.1.0.3', '32'), v6('fd00:1:2:3::2', '60'), v6('fd00:9::3', '127')],
      raw_flags: 0x80,
    });
    const { links, addresses } = await twice(() => live.client.agent.UpdateInterface(request));
    expect(links).toEqual([`eth0 ${MAC_A} 1400 up`]);
    expect(addresses).toEqual(
      ['10.1.0.2/24', '10.1.0.3/32', 'fd00:1:2:3::2/60', 'fd00:9::3/127'].map((each) => `eth0 ${each}`),
    );
    const [link] = json('addr show eth0');
    expect(link?.['flags']).toContain('NOARP');
    expect(JSON.stringify(link)).not.toContain('tentative');
    expect(JSON.stringify(link)).toContain('"broadcast":"10.1.0.255"');
    expect(ip('-6 route show dev eth0')).toMatch(/^fd00:1:2::\/60 /m);
    expect(ip('-6 route show dev eth0')).toMatch(/^fd00:9::2\/127 /m);
  });

  it('keeps what it is not asked for, and the routes of a link that keeps its name', async () => {
    addLink('eth0', MAC_A);
    ip('addr add 10.9.0.9/24 dev eth0');
    const { agent } = live.client;
    await agent.UpdateInterface(wanted('eth0', MAC_A, { mtu: Long.UZERO, IPAddresses: [v4('10.1.0.2', '24')] }));
    ip('route add 10.2.0.0/16 via 10.1.0.1');
    ip('addr add fd00:7::7/64 dev eth0 nodad');
    const { addresses, routes } = await twice(() => agent.UpdateInterface(wanted('eth0', MAC_A)));
    expect(addresses).toEqual(['eth0 10.1.0.2/24', 'eth0 10.9.0.9/24', 'eth0 fd00:7::7/64']);
    expect(routes).toEqual(['10.2.0.0/16 10.1.0.1 eth0']);
  });

  it('gives an IPv6 address that is there another prefix', async () => {
    addLink('eth0', MAC_A);
    const { agent } = live.client;
    await agent.UpdateInterface(wanted('eth0', MAC_A, { IPAddresses: [v6('fd00::2', '64')] }));
    const change = () => agent.UpdateInterface(wanted('eth0', MAC_A, { IPAddresses: [v6('fd00::2', '60')] }));
    expect((await twice(change)).addresses).toEqual(['eth0 fd00::2/60']);
  });

  it('swaps names, and the interface that lost its name keeps its addresses and routes', async () => {
    addLink('eth0', MAC_A);
    addLink('eth1', MAC_B);
    const { agent } = live.client;
    const addresses = [v4('10.1.0.2', '24'), v6('fd00:1::2', '64')];
    await agent.UpdateInterface(wanted('eth0', MAC_A, { IPAddresses: addresses }));
    await agent.UpdateRoutes({
      routes: {
        Routes: [
          { device: 'eth0', gateway: '10.1.0.1' },
          { device: 'eth0', gateway: 'fd00:1::1' },
          { device: 'eth0', dest: '10.5.0.0/16', scope: 253 },
        ],
      },
    });
    const swap = () => agent.UpdateInterface(wanted('eth0', MAC_B, { IPAddresses: [v4('10.3.0.2', '24')] }));
    const after = await twice(swap);
    expect(after).toEqual({
      links: [`eth0 ${MAC_B} 1500 up`, `eth1 ${MAC_A} 1500 up`],
      addresses: ['eth0 10.3.0.2/24', 'eth1 10.1.0.2/24', 'eth1 fd00:1::2/64'],
      routes: ['10.5.0.0/16 eth1 link', 'default 10.1.0.1 eth1', 'default fd00:1::1 eth1'],
      neighbors: after.neighbors,
    });
    // And back, by the other one's request.
    await agent.UpdateInterface(wanted('eth0', MAC_A, { IPAddresses: addresses }));
    expect(shown().links).toEqual([`eth0 ${MAC_A} 1500 up`, `eth1 ${MAC_B} 1500 up`]);
  });

  it('sorts three interfaces out whose names go round', async () => {
    const macs = [MAC_A, MAC_B, MAC_C];
    for (const [index, mac] of macs.entries()) addLink(`eth${index}`, mac);
    const all = async () => {
      for (const [index, mac] of macs.entries()) {
        await live.client.agent.UpdateInterface(wanted(`eth${(index + 1) % 3}`, mac));
      }
    };
    expect((await twice(all)).links).toEqual([
      `eth0 ${MAC_C} 1500 up`,
      `eth1 ${MAC_A} 1500 up`,
      `eth2 ${MAC_B} 1500 up`,
    ]);
  });

  it('leaves IPv6 out where it is off', async () => {
    addLink('eth0', MAC_A);
    inside('sh', '-c', 'echo 1 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6');
    const { agent } = live.client;
    const addresses = [v6('fd00:1::2', '64'), v4('10.1.0.2', '24')];
    const change = async () => {
      await agent.UpdateInterface(wanted('eth0', MAC_A, { IPAddresses: addresses }));
      await agent.UpdateRoutes({ routes: { Routes: [{ device: 'eth0', gateway: 'fd00:1::1' }] } });
    };
    expect(await twice(change)).toMatchObject({ addresses: ['eth0 10.1.0.2/24'], routes: [] });
  });

  it('says what the shim looks for when it does not come, though two others are there', async () => {
    addLink('eth0', MAC_A);
    addLink('eth1', MAC_B);
    const change = () => live.client.agent.UpdateInterface(wanted('eth0', MAC_C.toUpperCase()));
    await refused(change, `Link not found (Address: ${MAC_C})`);
    // The loopback interface's address finds nothing.
    await refused(() => live.client.agent.UpdateInterface(wanted('eth0', '00:00:00:00:00:00')), 'Link not found');
  });

  it('says that nothing came to a place on the PCI bus, in other words', async () => {
    addLink('eth0', MAC_A);
    const change = () => live.client.agent.UpdateInterface(wanted('eth0', MAC_A, { devicePath: '1f/1f' }));
    await refused(change, 'interface not available within 1000 ms at PCI path "1f/1f"');
  });

  it('takes nothing of a bad request', async () => {
    addLink('ens3', MAC_A);
    const { agent } = live.client;
    await expect(agent.UpdateInterface({})).rejects.toMatchObject({
      status: 3,
      message: 'empty update interface request',
    });
    const bad = [v4('10.1.0.2', '24'), v4('10.1.0.2', '33')];
    await refused(
      () => agent.UpdateInterface(wanted('eth0', MAC_A, { IPAddresses: bad })),
      'IPAddresses[1].mask: "33"',
    );
  });

  it('takes everything back when the kernel refuses a part', async () => {
    await twoLinks();
    const { agent } = live.client;
    await agent.UpdateRoutes({
      routes: {
        Routes: [
          { device: 'eth0', gateway: 'fd00:1::1' },
          { device: 'eth1', gateway: '10.3.0.1' },
        ],
      },
    });
    const addresses = [v4('10.4.0.2', '24'), v6('fd00:3::2', '64'), v6('ff02::1', '64')];
    const swap = wanted('eth0', MAC_B, { IPAddresses: addresses, mtu: Long.fromNumber(1400, true), raw_flags: 0x80 });
    await refused(() => agent.UpdateInterface(swap), /add address ff02::1\/64 of eth0: E/);
    expect(json('link show eth1')[0]?.['flags']).not.toContain('NOARP');
    const huge = wanted('eth0', MAC_B, { mtu: Long.fromNumber(1_000_000, true) });
    await refused(() => agent.UpdateInterface(huge), 'set mtu 1000000 of eth0: EINVAL');
  });
});

/** An agent of a test's own, and a shell in its namespaces. */
async function withAgent(
  settings: string,
  use: (agent: LiveAgent['client']['agent'], shell: (script: string) => string) => Promise<void>,
): Promise<void> {
  const own = await LiveAgent.start(settings, ['-n']);
  const enter = ['-t', String(own.agentPid()), '-n', '-m', '--', 'sh', '-ec'];
  try {
    await use(own.client.agent, (script) => execFileSync('nsenter', [...enter, script], { encoding: 'utf8' }));
  } finally {
    await own.stop();
  }
}

describe('an interface that comes late', () => {
  /** Only stops a hang. */
  const settings = 'hotplug_timeout = { secs = 60, nanos = 0 }';

  it('is waited for by its hardware address', async () => {
    await withAgent(settings, async (agent, shell) => {
      const waiting = agent.UpdateInterface(wanted('eth0', MAC_A, { IPAddresses: [v4('10.1.0.2', '24')] }));
      await agent.ListInterfaces({});
      shell(`ip tuntap add late mode tap && ip link set late address ${MAC_A}`);
      await waiting;
      expect(shell('ip -br addr show eth0')).toContain('10.1.0.2/24');
    });
  });

  it('is waited for at its place on the PCI bus, and given the hardware address', async () => {
    await withAgent(settings, async (agent, shell) => {
      // This machine has no such device; so the agent sees other ones.
      shell('mount -t tmpfs none /sys/devices && ip tuntap add ens3 mode tap && ip tuntap add ens4 mode tap');
      const waiting = agent.UpdateInterface(wanted('eth0', MAC_A, { devicePath: '02/03' }));
      await agent.ListInterfaces({});
      shell(`
        cd /sys/devices
        mkdir -p pci0000:00/0000:00:03.0/virtio1/net/ens3
        mkdir -p pci0000:00/0000:00:02.0/pci_bus/0000:01
        mkdir -p pci0000:00/0000:00:02.0/0000:01:03.0/virtio0/net/ens4`);
      await waiting;
      const names = shell('ip -br link show eth0; ip -br link show ens3');
      expect(names).toMatch(new RegExp(`^eth0 .* ${MAC_A} .*UP.*\n^ens3 `, 'm'));
    });
  });
});

describe('an interface with a foreign address', () => {
  it('is taken by its name where it is the only one left, and for nobody else', async () => {
    await withAgent('hotplug_timeout = { secs = 0, nanos = 1 }', async (agent, shell) => {
      shell('ip tuntap add eth0 mode tap; ip tuntap add eth1 mode tap');
      const none = { status: 13, message: expect.stringContaining('Link not found') };
      // Two are left.
      await expect(agent.UpdateInterface(wanted('eth0', MAC_A))).rejects.toMatchObject(none);
      shell(`ip link set eth1 address ${MAC_B}`);
      await agent.UpdateInterface(wanted('eth1', MAC_B));
      // One is left, by another name.
      await expect(agent.UpdateInterface(wanted('eth7', MAC_A))).rejects.toMatchObject(none);
      await agent.UpdateInterface(wanted('eth0', MAC_A));
      expect(shell('ip -br link show eth0')).toContain(MAC_A);
      // None is left.
      await expect(agent.UpdateInterface(wanted('eth0', MAC_C))).rejects.toMatchObject(none);
    });
  });
});

describe('UpdateRoutes', () => {
  const update = (...Routes: types.Route.$Properties[]) => live.client.agent.UpdateRoutes({ routes: { Routes } });

  it('makes routes with and without gateway, in any order, for two interfaces', async () => {
    await twoLinks();
    const routes = [
      { device: 'eth0', gateway: '169.254.1.1' },
      { device: 'eth0', dest: '169.254.1.1/32', scope: 253 },
      { device: 'eth1', dest: '10.8.0.0/13', gateway: '10.3.0.1', source: '10.3.0.2', mtu: 1400 },
      { device: 'eth1', dest: '192.0.2.0/24', gateway: '198.51.100.1', flags: 4 },
      { device: 'eth1', dest: 'fd00:20::/60', gateway: 'fe80::1', family: types.IPFamily.v6 },
      { device: 'eth1', dest: 'fd00:30::/127', source: 'fd00:3::2', family: types.IPFamily.v6 },
      { device: 'eth0', gateway: 'fd00:1::1' },
    ];
    const { routes: made } = await twice(() => update(...routes));
    expect(made).toEqual(
      [
        'default 169.254.1.1 eth0',
        '169.254.1.1 eth0 link',
        '10.8.0.0/13 10.3.0.1 eth1 10.3.0.2 [{"mtu":1400}]',
        '192.0.2.0/24 198.51.100.1 eth1 onlink',
        'fd00:20::/60 fe80::1 eth1',
        'fd00:30::/127 eth1 fd00:3::2',
        'default fd00:1::1 eth0',
      ].sort(),
    );
    const { Routes: listed } = await live.client.agent.ListRoutes({});
    expect(await update()).toEqual({ Routes: listed });
    const plain = listed.map(({ dest, gateway, device, source, mtu, flags, family }) =>
      [dest || 'default', gateway, device, source, mtu || '', flags || '', family].join(' '),
    );
    for (const line of [
      'default 169.254.1.1 eth0    0',
      '169.254.1.1/32  eth0    0',
      '10.8.0.0/13 10.3.0.1 eth1 10.3.0.2 1400  0',
      '192.0.2.0/24 198.51.100.1 eth1   4 0',
      '10.1.0.0/24  eth0 10.1.0.2   0',
      'fd00:20::/60 fe80::1 eth1    1',
      'fd00:30::/127  eth1 fd00:3::2   1',
      'default fd00:1::1 eth0    1',
    ]) {
      expect(plain).toContain(line);
    }
    expect(listed.findIndex(({ family }) => family === types.IPFamily.v6)).toBeGreaterThan(
      listed.findLastIndex(({ family }) => family === types.IPFamily.v4),
    );
  });

  it('takes what ListRoutes gives, which changes nothing', async () => {
    await twoLinks();
    await update({ device: 'eth0', gateway: '10.1.0.1' }, { device: 'eth1', dest: '10.7.0.0/16', scope: 253 });
    const { Routes: before } = await live.client.agent.ListRoutes({});
    const own = before.filter(({ dest }) => dest === '' || dest === '10.7.0.0/16');
    expect(own).toHaveLength(2);
    expect(await update(...own)).toEqual({ Routes: before });
  });

  it('makes all of a list or none, and puts back what it replaced', async () => {
    await twoLinks();
    await update({ device: 'eth0', gateway: '10.1.0.1', mtu: 1300 }, { device: 'eth0', gateway: 'fd00:1::1' });
    const list = [
      { device: 'eth1', dest: '10.7.0.0/16', scope: 253 },
      { device: 'eth1', gateway: '10.3.0.1' },
      { device: 'eth1', gateway: 'fd00:3::1' },
      { device: 'eth1', dest: '10.9.0.0/16', gateway: '203.0.113.1' },
    ];
    await refused(() => update(...list), /add route 10\.9\.0\.0\/16 via 203\.0\.113\.1 dev eth1: ENETUNREACH/);
    const unknown = [
      { device: 'eth1', dest: '10.7.0.0/16' },
      { device: 'eth9', dest: '10.8.0.0/16' },
    ];
    await refused(() => update(...unknown), 'routes.Routes[1].device: there is no interface "eth9"');
    const bad = [
      { device: 'eth1', dest: '10.7.0.0/16' },
      { device: 'eth1', dest: '10.8.0.0/99' },
    ];
    await refused(() => update(...bad), 'routes.Routes[1].dest: "10.8.0.0/99"');
    await expect(live.client.agent.UpdateRoutes({})).rejects.toMatchObject({
      status: 3,
      message: 'empty update routes request',
    });
  });
});

describe('AddARPNeighbors', () => {
  const add = (...ARPNeighbors: types.ARPNeighbor.$Properties[]) =>
    live.client.agent.AddARPNeighbors({ neighbors: { ARPNeighbors } });
  const entry = (address: string, lladdr: string, more: types.ARPNeighbor.$Properties = {}) => ({
    toIPAddress: { address },
    device: 'eth0',
    lladdr,
    ...more,
  });

  async function oneLink(): Promise<void> {
    addLink('eth0', MAC_A);
    const addresses = [v4('10.1.0.2', '24'), v6('fd00:1::2', '64')];
    await live.client.agent.UpdateInterface(wanted('eth0', MAC_A, { IPAddresses: addresses }));
  }

  it('sets entries of both families, and others in their place', async () => {
    await oneLink();
    const entries = [entry('10.1.0.1', MAC_B), entry('fd00:1::1', MAC_B), entry('10.1.0.3', MAC_C, { state: 0x40 })];
    const { neighbors } = await twice(() => add(...entries));
    expect(neighbors).toEqual([`10.1.0.1 eth0 ${MAC_B} PERMANENT`, `fd00:1::1 eth0 ${MAC_B} PERMANENT`]);
    expect(ip('neigh show nud noarp dev eth0')).toContain(`10.1.0.3 lladdr ${MAC_C}`);
    await add(entry('10.1.0.1', MAC_C, { state: 4 }));
    expect(shown().neighbors).toContain(`10.1.0.1 eth0 ${MAC_C} STALE`);
  });

  it('sets all of a list or none', async () => {
    await oneLink();
    await add(entry('10.1.0.1', MAC_B));
    const list = [entry('10.1.0.1', MAC_C), entry('10.1.0.9', MAC_C), entry('10.1.0.8', '')];
    await refused(() => add(...list), 'add neighbour 10.1.0.8 dev eth0: EINVAL');
    await refused(() => add(entry('10.1.0.9', MAC_C), entry('10.1.0.7', MAC_C, { device: 'eth9' })), '[1].device');
    await refused(() => add(entry('10.1.0.9', MAC_C), entry('', MAC_C)), '[1].toIPAddress.address: ""');
    await expect(live.client.agent.AddARPNeighbors({})).rejects.toMatchObject({ status: 3 });
  });
});

describe('ListInterfaces', () => {
  it('lists every interface, with the right families', async () => {
    addLink('eth0', MAC_A);
    const { agent } = live.client;
    const addresses = [v4('10.1.0.2', '24'), v6('fd00:1::2', '60')];
    await agent.UpdateInterface(wanted('eth0', MAC_A, { IPAddresses: addresses, mtu: Long.fromNumber(1400, true) }));
    const { Interfaces: listed } = await agent.ListInterfaces({});
    const eth0 = listed.find(({ name }) => name === 'eth0');
    expect(eth0?.hwAddr).toBe(MAC_A.toUpperCase());
    expect(eth0?.mtu.toNumber()).toBe(1400);
    expect(eth0?.IPAddresses.map(({ family, address, mask }) => [family, address, mask])).toEqual(
      expect.arrayContaining([
        [types.IPFamily.v4, '10.1.0.2', '24'],
        [types.IPFamily.v6, 'fd00:1::2', '60'],
      ]),
    );
    const lo = listed.find(({ name }) => name === 'lo');
    expect(lo?.IPAddresses.map(({ address, mask }) => `${address}/${mask}`)).toEqual(['127.0.0.1/8', '::1/128']);
    expect(lo?.hwAddr).toBe('00:00:00:00:00:00');
  });
});
