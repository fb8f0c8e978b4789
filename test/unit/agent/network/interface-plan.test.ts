import Long from 'long';
import { describe, expect, it } from 'vitest';
import { planInterface } from '../../../../src/agent/network/interface-plan.ts';
import { types } from '../../../../src/wire/generated/proto.js';

const GOOD = {
  name: 'eth0',
  hwAddr: 'DA:89:f7:cf:1a:4c',
  mtu: Long.fromNumber(1450, true),
  IPAddresses: [
    { address: '10.0.0.2', mask: '24' },
    { address: 'fd00::2', mask: '127' },
  ],
};

const plan = (more: types.Interface.$Properties = {}) =>
  planInterface(types.Interface.decode(types.Interface.encode({ ...GOOD, ...more }).finish()));

describe('planInterface', () => {
  it('reads what a shim sends', () => {
    expect(plan()).toEqual({
      name: 'eth0',
      mac: Buffer.from('da89f7cf1a4c', 'hex'),
      pciPath: undefined,
      addresses: [
        { address: Buffer.from([10, 0, 0, 2]), prefixLength: 24 },
        { address: Buffer.from('fd000000000000000000000000000002', 'hex'), prefixLength: 127 },
      ],
      mtu: 1450,
      noArp: false,
    });
  });

  it('leaves out what is not asked for', () => {
    const { mtu, noArp } = plan({ mtu: Long.UZERO, raw_flags: 0xffff_ff7f });
    expect([mtu, noArp]).toEqual([undefined, false]);
    expect(plan({ raw_flags: 0x80 }).noArp).toBe(true);
  });

  it('takes a place on the PCI bus beside the hardware address, or in its place', () => {
    const pciPath = { rootBus: 0, slots: [2, 3].map((slot) => ({ slot, fn: 0 })) };
    expect(plan({ devicePath: '02/03' })).toMatchObject({ pciPath, mac: Buffer.from('da89f7cf1a4c', 'hex') });
    expect(plan({ devicePath: '02/03', hwAddr: '' })).toMatchObject({ pciPath, mac: undefined });
  });

  const wrong: [types.Interface.$Properties, string][] = [
    [{ name: '' }, 'interface.name: "" is no interface name'],
    [{ name: '..' }, 'interface.name: ".." is no'],
    [{ name: 'a/b' }, 'interface.name: "a/b" is no'],
    [{ name: 'a b' }, 'interface.name: "a b" is no'],
    [{ name: 'eth0:1' }, 'interface.name: "eth0:1" is no'],
    [{ name: 'eth0\0' }, 'interface.name: "eth0\\u0000" is no'],
    [{ name: 'sixteen-bytes-xx' }, 'interface.name: "sixteen-bytes-xx" is no'],
    [{ name: 'éééééééé' }, 'interface.name: "éééééééé" is no'],
    [{ hwAddr: '' }, 'interface.hwAddr: "" is no hardware address'],
    [{ hwAddr: 'zz:00:00:00:00:00' }, 'interface.hwAddr: "zz:00:00:00:00:00" is no'],
    [{ hwAddr: 'zz', devicePath: '02' }, 'interface.hwAddr: "zz" is no'],
    [{ devicePath: '../02' }, 'Invalid PCI path in interface.devicePath: "../02"'],
    [{ mtu: Long.fromString('4294967296', true) }, 'interface.mtu: "4294967296" is more than'],
    [{ IPAddresses: [{ address: '', mask: '24' }] }, 'interface.IPAddresses[0].address: "" is no IP address'],
    [{ IPAddresses: [{ address: '10.0.0.1/24', mask: '24' }] }, 'IPAddresses[0].address: "10.0.0.1/24" is no'],
    [{ IPAddresses: [{ address: '10.0.0.1', mask: '' }] }, 'IPAddresses[0].mask: "" is no number from 0 to 32'],
    [{ IPAddresses: [...GOOD.IPAddresses, { address: '10.0.0.1', mask: '33' }] }, 'IPAddresses[2].mask: "33" is no'],
    [{ IPAddresses: [{ address: '::1', mask: '129' }] }, 'mask: "129" is no number from 0 to 128'],
    [{ IPAddresses: [{ address: '10.0.0.1', mask: '255.0.0.0' }] }, 'mask: "255.0.0.0" is no'],
  ];
  it.each(wrong)('%j is refused by name', (more, message) => {
    expect(() => plan(more)).toThrow(message);
    try {
      plan(more);
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_INVALID_ARGUMENT', status: 13 });
    }
  });
});
