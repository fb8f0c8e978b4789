import { describe, expect, it } from 'vitest';
import { formatIp } from '../../../../src/agent/network/ip-address.ts';
import { planRoutes } from '../../../../src/agent/network/route-plan.ts';
import type { Prefix } from '../../../../src/linux/rtnetlink-route.ts';
import { types } from '../../../../src/wire/generated/proto.js';

const plan = (...routes: types.Route.$Properties[]) =>
  planRoutes(routes.map((route) => types.Route.decode(types.Route.encode({ device: 'eth0', ...route }).finish())));

/** The only route of a request. */
function one(route: types.Route.$Properties) {
  const [first] = plan(route);
  if (first === undefined) throw new Error('no route');
  return first.route;
}

const text = ({ address, length }: Prefix): string => (length === 0 ? 'all' : `${formatIp(address)}/${length}`);

describe('planRoutes', () => {
  it('puts routes without a gateway first, and keeps the order beside', () => {
    const routes = [{ gateway: '10.0.0.1' }, { dest: '10.2.0.0/16' }, { gateway: 'fd00::1' }, { dest: '10.1.0.0/16' }];
    expect(plan(...routes).map(({ field }) => field)).toEqual([1, 3, 0, 2].map((index) => `routes.Routes[${index}]`));
  });

  it.each([
    [{ dest: '10.1.0.0/16' }, 2, '10.1.0.0/16'],
    [{ dest: '10.1.2.3' }, 2, '10.1.2.3/32'],
    [{ dest: '10.1.2.3/16' }, 2, '10.1.0.0/16'],
    [{ gateway: '10.0.0.1' }, 2, 'all'],
    [{ dest: '0.0.0.0/0' }, 2, 'all'],
    [{ dest: '' }, 2, 'all'],
    [{ dest: '', family: types.IPFamily.v6 }, 10, 'all'],
    [{ dest: '::/0' }, 10, 'all'],
    [{ gateway: 'fe80::1' }, 10, 'all'],
    // As the first shims send it: without a family.
    [{ dest: 'fd00:1:2:3::/60' }, 10, 'fd00:1:2::/60'],
    [{ dest: 'fd00::1/127', family: types.IPFamily.v6 }, 10, 'fd00::/127'],
  ])('%j is of family %i to %s', (route, family, destination) => {
    const planned = one(route);
    expect([planned.family, text(planned.destination)]).toEqual([family, destination]);
  });

  it('takes a bare source for the preferred one, and a prefix for a selector', () => {
    const source = (value: string) => {
      const { sourceSelector, preferredSource } = one({ dest: '', source: value });
      return [text(sourceSelector), preferredSource === undefined ? undefined : formatIp(preferredSource)];
    };
    expect(source('')).toEqual(['all', undefined]);
    expect(source('10.0.0.2')).toEqual(['all', '10.0.0.2']);
    expect(source('10.0.0.2/0')).toEqual(['all', '10.0.0.2']);
    expect(source('10.0.0.2/24')).toEqual(['10.0.0.0/24', undefined]);
    expect(source('fd00::2')).toEqual(['all', 'fd00::2']);
  });

  it('keeps scope, MTU and the flags that are no state of the host’s route', () => {
    expect(one({ scope: 253, mtu: 1400, flags: 0x1f })).toMatchObject({ scope: 253, mtu: 1400, flags: 6 });
  });

  it('takes no list that would hold everything else up', () => {
    const many = (count: number) => Array.from({ length: count }, () => ({ dest: '10.0.0.0/8' }));
    expect(plan(...many(10_000))).toHaveLength(10_000);
    expect(() => plan(...many(10_001))).toThrow('routes.Routes.length: 10001 is more than 10000');
  });

  const wrong: [types.Route.$Properties, string][] = [
    [{ dest: '10.0.0.0/33' }, 'routes.Routes[1].dest: "10.0.0.0/33" is no IPv4 address or prefix'],
    [{ dest: 'default' }, '.dest: "default" is no IPv4'],
    [{ dest: '10.0.0.0/8', gateway: 'fe80::1' }, '.dest: "10.0.0.0/8" is no IPv6'],
    [{ dest: '10.0.0.0/8', family: types.IPFamily.v6 }, '.dest: "10.0.0.0/8" is no IPv6'],
    [{ gateway: '10.0.0.1/24' }, '.gateway: "10.0.0.1/24" is no IPv4 address'],
    [{ gateway: 'fe80::1%eth0' }, '.gateway: "fe80::1%eth0" is no IPv6 address'],
    [{ source: 'here' }, '.source: "here" is no IPv4'],
    [{ scope: 256 }, '.scope: 256 is more than 255'],
    // Reason for the cast: a number that is no member, as a peer can send it.
    [{ family: 7 as types.IPFamily }, '.family: 7 is neither'],
  ];
  it.each(wrong)('%j is refused by name', (route, message) => {
    expect(() => plan({ dest: '10.9.0.0/16' }, route)).toThrow(message);
  });
});
