import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkedPciPath, parsePciPath, pciDirectory } from '../../../../src/agent/device/pci-path.ts';
import { FakeSysfs } from './fake-sysfs.ts';

describe('parsePciPath', () => {
  it('reads hexadecimal slots and functions', () => {
    expect(parsePciPath('02')).toEqual({ rootBus: 0, slots: [{ slot: 2, fn: 0 }] });
    expect(parsePciPath('2/1F.7')).toEqual({
      rootBus: 0,
      slots: [
        { slot: 2, fn: 0 },
        { slot: 31, fn: 7 },
      ],
    });
  });

  it('takes a large first number of three for a root bus', () => {
    expect(parsePciPath('20/00/01')).toEqual({
      rootBus: 0x20,
      slots: [
        { slot: 0, fn: 0 },
        { slot: 1, fn: 0 },
      ],
    });
  });

  it.each([
    '',
    '/',
    '02/',
    '/02',
    '020',
    'g0',
    '02.8',
    '02.',
    '20',
    '20/01',
    '20.1/00/01',
    '02/20',
    '../02',
    '0000:00:02.0',
  ])('refuses %j', (text) => {
    expect(parsePciPath(text)).toBeUndefined();
    expect(() => checkedPciPath(text)).toThrow(`${JSON.stringify(text)} is no PCI path`);
  });
});

describe('pciDirectory', () => {
  let sysfs: FakeSysfs;
  beforeEach(() => {
    sysfs = new FakeSysfs();
  });
  afterEach(() => sysfs.remove());
  const find = (text: string): string | undefined =>
    pciDirectory(sysfs.roots.sys, checkedPciPath(text))?.slice(sysfs.roots.sys.length);

  it('walks through bridges by the buses behind them', () => {
    sysfs.directory('devices/pci0000:00/0000:00:02.0/pci_bus/0000:01');
    sysfs.directory('devices/pci0000:00/0000:00:02.0/0000:01:03.1/pci_bus/0000:0a');
    expect(find('02')).toBe('/devices/pci0000:00/0000:00:02.0');
    expect(find('02/03.1')).toBe('/devices/pci0000:00/0000:00:02.0/0000:01:03.1');
    expect(find('02/03.1/00')).toBe('/devices/pci0000:00/0000:00:02.0/0000:01:03.1/0000:0a:00.0');
  });

  it('finds the bus by what is on it where the kernel names none', () => {
    sysfs.directory('devices/pci0000:00/0000:00:02.0/0000:05:00.0');
    expect(find('02/01')).toBe('/devices/pci0000:00/0000:00:02.0/0000:05:01.0');
  });

  it('begins at another root bus with that bus', () => {
    sysfs.directory('devices/pci0000:20/0000:20:00.0/pci_bus/0000:21');
    expect(find('20/00/01')).toBe('/devices/pci0000:20/0000:20:00.0/0000:21:01.0');
  });

  it('finds the root bus of a platform device', () => {
    sysfs.directory('devices/platform/4010000000.pcie/pci0000:00');
    expect(find('02')).toBe('/devices/platform/4010000000.pcie/pci0000:00/0000:00:02.0');
  });

  it('knows no way through a bridge that is not there', () => {
    sysfs.directory('devices/pci0000:00');
    expect(find('02/03')).toBeUndefined();
    expect(find('20/00/01')).toBeUndefined();
  });
});
