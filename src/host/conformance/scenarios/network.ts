/** Interfaces, routes, neighbours and packet filters of the guest. */
import { GrpcStatus } from '../../../wire/error.ts';
import type { types } from '../../../wire/generated/proto.js';
import { expectEqual, expectRefusal, expectThat } from '../expectation.ts';
import type { Scenario } from '../scenario.ts';

const { INTERNAL, INVALID_ARGUMENT } = GrpcStatus;
/** A network for documentation (RFC 5737), which no guest needs. */
const NETWORK = '198.51.100.0/24';
/** A locally administered address that no interface has. */
const NO_ADDRESS = '02:00:5e:00:53:01';

const list: Scenario = {
  name: 'list-interfaces',
  about: 'ListInterfaces has lo, up, with its address',
  run: async ({ agent }) => {
    const { Interfaces: interfaces } = await agent.ListInterfaces({});
    const lo = interfaces.find(({ name }) => name === 'lo');
    expectThat(
      lo !== undefined,
      'interfaces',
      'lo',
      interfaces.map(({ name }) => name),
    );
    const addresses = lo?.IPAddresses?.map(({ address, mask }) => `${address}/${mask}`) ?? [];
    expectThat(addresses.includes('127.0.0.1/8'), 'addresses of lo', '127.0.0.1/8', addresses);
  },
};

const noLink: Scenario = {
  name: 'update-interface-no-link',
  about: 'UpdateInterface of a network card that is not there says "Link not found": the shim tries again on it',
  run: async ({ agent }) => {
    const wanted = { device: 'eth9', name: 'eth9', hwAddr: NO_ADDRESS, mtu: 1500, IPAddresses: [], type: 'virtual' };
    // The shim tries up to twenty times; an agent that waits for the card itself needs none of them.
    for (let turn = 0; turn < 2; turn += 1) {
      const call = agent.UpdateInterface({ interface: { ...wanted, mtu: null } });
      await expectRefusal('UpdateInterface', call, { statuses: [INTERNAL], text: /Link not found/ });
    }
    await expectRefusal('no interface', agent.UpdateInterface({}), { statuses: [INVALID_ARGUMENT] });
  },
};

const routes: Scenario = {
  name: 'routes',
  about: 'UpdateRoutes makes a route, may be repeated, and ListRoutes has it; an unknown device is refused',
  run: async ({ agent }) => {
    const route: types.IRoute = { dest: NETWORK, device: 'lo', scope: 253 };
    for (let turn = 0; turn < 2; turn += 1) await agent.UpdateRoutes({ routes: { Routes: [route] } });
    const { Routes: found } = await agent.ListRoutes({});
    const here = found.filter(({ dest, device }) => dest === NETWORK && device === 'lo');
    expectEqual('routes to it', here.length, 1);
    const nowhere = agent.UpdateRoutes({ routes: { Routes: [{ ...route, device: 'eth9' }] } });
    await expectRefusal('an unknown device', nowhere, { statuses: [INTERNAL] });
    await expectRefusal('no routes', agent.UpdateRoutes({}), { statuses: [INVALID_ARGUMENT] });
  },
};

const neighbors: Scenario = {
  name: 'arp-neighbors',
  about: 'AddARPNeighbors takes an empty list, and refuses none and an unknown device',
  run: async ({ agent }) => {
    await agent.AddARPNeighbors({ neighbors: { ARPNeighbors: [] } });
    await expectRefusal('no neighbours', agent.AddARPNeighbors({}), { statuses: [INVALID_ARGUMENT] });
    const neighbor = {
      toIPAddress: { address: '198.51.100.2', mask: '24' },
      device: 'eth9',
      lladdr: NO_ADDRESS,
      state: 128,
    };
    const nowhere = agent.AddARPNeighbors({ neighbors: { ARPNeighbors: [neighbor] } });
    await expectRefusal('an unknown device', nowhere, { statuses: [INTERNAL] });
  },
};

const filters: Scenario = {
  name: 'iptables',
  about: 'GetIPTables answers what SetIPTables has set; bad rules are refused',
  run: async ({ agent }) => {
    const rules =
      '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:CONFORMANCE - [0:0]\nCOMMIT\n';
    await agent.SetIPTables({ is_ipv6: false, data: Buffer.from(rules) });
    const { data } = await agent.GetIPTables({ is_ipv6: false });
    expectThat(
      Buffer.from(data).includes(':CONFORMANCE'),
      'rules',
      'the chain CONFORMANCE',
      Buffer.from(data).toString(),
    );
    await agent.GetIPTables({ is_ipv6: true });
    const bad = agent.SetIPTables({ is_ipv6: false, data: Buffer.from('*no-such-table\nCOMMIT\n') });
    await expectRefusal('bad rules', bad, { statuses: [INTERNAL] });
  },
};

export const NETWORK_SCENARIOS: readonly Scenario[] = [list, noLink, routes, neighbors, filters];
