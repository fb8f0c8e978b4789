import { describe, expect, it } from 'vitest';
import { vmConfig } from '../../../../src/vmm/config/vm-config.ts';

const SMALL = { payload: { kernel: '/k' }, memory: { size: 256 * 2 ** 20 } };

describe('vmConfig', () => {
  it('reads the older dialect and the newer one alike', () => {
    const parts = { cpus: { boot_vcpus: 2, max_vcpus: 4 }, memory: SMALL.memory };
    const older = vmConfig(
      { ...parts, kernel: { path: '/k' }, initramfs: { path: '/i' }, cmdline: { args: 'a b' } },
      'request',
    );
    const newer = vmConfig({ ...parts, payload: { kernel: '/k', initramfs: '/i', cmdline: 'a b' } }, 'request');
    expect(older).toEqual(newer);
    expect(newer).toMatchObject({ kernel: '/k', initramfs: '/i', commandLine: 'a b', cpus: { boot: 2, max: 4 } });
  });

  it('has defaults for all that need not be said', () => {
    expect(vmConfig(SMALL, 'request')).toEqual({
      cpus: { boot: 1, max: 1 },
      memory: { size: 256 * 2 ** 20, hotplugSize: 0, hugePages: false, prefault: false },
      kernel: '/k',
      initramfs: undefined,
      commandLine: '',
      devices: [],
      pmems: [],
      vsock: undefined,
      console: { device: 'serial', isShown: false },
    });
  });

  it('passes over members that it does not know', () => {
    expect(vmConfig({ ...SMALL, landlock_enable: true, platform: { num_pci_segments: 2 } }, 'r').kernel).toBe('/k');
  });

  it.each([
    [
      { serial: { mode: 'Tty' }, console: { mode: 'Off' } },
      { device: 'serial', isShown: true },
    ],
    [
      { serial: { mode: 'Off' }, console: { mode: 'Tty' } },
      { device: 'virtio', isShown: true },
    ],
    [{ serial: { mode: 'Null' } }, { device: 'serial', isShown: false }],
  ])('chooses the console of %j', (consoles, expected) => {
    expect(vmConfig({ ...SMALL, ...consoles }, 'request').console).toEqual(expected);
  });

  it.each([
    [undefined, 'request is not an object'],
    [[], 'request.memory is not an object'],
    [{ memory: SMALL.memory }, 'there is no kernel'],
    [{ ...SMALL, payload: { kernel: 'k' } }, 'request.payload.kernel: "k" is not an absolute path'],
    [{ ...SMALL, payload: { kernel: '/a/../k' } }, 'request.payload.kernel: "/a/../k"'],
    [{ ...SMALL, payload: { kernel: '/a\n-S' } }, 'request.payload.kernel'],
    [{ ...SMALL, payload: { kernel: '/k', cmdline: 'a\0b' } }, 'request.payload.cmdline'],
    [{ ...SMALL, payload: { kernel: '/k', cmdline: 'a'.repeat(2048) } }, 'a line of at most 2047 bytes'],
    [{ ...SMALL, payload: { kernel: '/k', firmware: '/f' } }, 'request.payload.firmware is not supported'],
    [{ ...SMALL, memory: { size: '1G' } }, 'request.memory.size: "1G" is not a whole number'],
    [{ ...SMALL, memory: { size: 1 } }, 'request.memory.size: 1 is not'],
    [{ ...SMALL, memory: { size: 256 * 2 ** 20 + 1 } }, 'a multiple of 1 MiB'],
    [{ ...SMALL, memory: { ...SMALL.memory, hotplug_method: 'VirtioMem' } }, 'hotplug_method: VirtioMem'],
    [{ ...SMALL, cpus: { boot_vcpus: 0, max_vcpus: 1 } }, 'request.cpus.boot_vcpus: 0'],
    [{ ...SMALL, cpus: { boot_vcpus: 2, max_vcpus: 1 } }, 'request.cpus.max_vcpus: 1 is not 2 or more'],
    [{ ...SMALL, vsock: { cid: 2, socket: '/s' } }, 'request.vsock.cid: 2'],
    [{ ...SMALL, vsock: { cid: 3, socket: `/${'s'.repeat(107)}` } }, 'request.vsock.socket'],
    [{ ...SMALL, platform: { tdx: true } }, 'request.platform.tdx is not supported'],
    [{ ...SMALL, balloon: { size: 1 } }, 'request.balloon is not supported'],
    [{ ...SMALL, serial: { mode: 'File', file: '/etc/passwd' } }, 'request.serial.mode: File is not supported'],
    [{ ...SMALL, serial: { mode: 'Loud' } }, 'request.serial.mode is not Off or Null'],
    [{ ...SMALL, disks: [{ path: '/d' }, { path: 7 }] }, 'request.disks[1].path: 7'],
    [{ ...SMALL, disks: [{ path: '/d', vhost_user: true }] }, 'request.disks[0].vhost_user: true is not supported'],
    [{ ...SMALL, disks: [{ path: '/d', rate_limiter_config: { ops: {} } }] }, 'disks[0].rate_limiter_config'],
    [{ ...SMALL, disks: [{ path: '/d', id: 'a,b' }] }, 'request.disks[0].id: "a,b"'],
    [{ ...SMALL, disks: [{ path: '/d', serial: 'x y' }] }, 'request.disks[0].serial'],
    [{ ...SMALL, disks: [{ path: '/d', serial: 'x'.repeat(21) }] }, 'at most 20 bytes'],
    [{ ...SMALL, net: [{ mac: 'x' }] }, 'request.net[0].mac: "x"'],
    [{ ...SMALL, net: [{}] }, 'request.net[0].tap: there is none'],
    [{ ...SMALL, net: [{ tap: 'a/b' }] }, 'request.net[0].tap: "a/b"'],
    [{ ...SMALL, net: [{ tap: 'sixteen-letters-' }] }, 'an interface name of 1 to 15 bytes'],
    [{ ...SMALL, fs: [{ tag: '', socket: '/s' }] }, 'request.fs[0].tag'],
    [{ ...SMALL, fs: [{ tag: 't', socket: '/s', queue_size: 1000 }] }, 'a power of two'],
    [{ ...SMALL, fs: [{ tag: 't', socket: '/s', dax: true }] }, 'request.fs[0].dax'],
    [{ ...SMALL, devices: [{ path: '/dev/vfio/1' }] }, 'a device below /sys/'],
    [{ ...SMALL, pmem: [{ file: '/f', iommu: true }] }, 'request.pmem[0].iommu'],
  ])('refuses %j', (body, message) => {
    expect(() => vmConfig(body, 'request')).toThrow(message);
  });
});
