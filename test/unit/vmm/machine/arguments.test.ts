import { describe, expect, it } from 'vitest';
import { vmConfig } from '../../../../src/vmm/config/vm-config.ts';
import { machineCommand } from '../../../../src/vmm/machine/arguments.ts';
import { type Device, DeviceTable } from '../../../../src/vmm/machine/device-table.ts';

const MIB = 2 ** 20;

/** The command of a machine with these devices; descriptor 40 and up are those of its virtiofsd. */
function commandOf(body: object, devices: readonly Device[] = [], hotplugBytes = 0) {
  const config = vmConfig(
    { payload: { kernel: '/k,1', cmdline: 'panic=1' }, memory: { size: 256 * MIB }, ...body },
    'r',
  );
  const table = new DeviceTable();
  for (const device of devices) table.add(device);
  return machineCommand(config, {
    sandboxId: 'abc',
    uuid: '01234567-89ab-cdef-0123-456789abcdef',
    accelerator: 'tcg',
    devices: table.all(),
    initramfs: config.initramfs,
    hotplugBytes,
    qmpSocket: '/s/qmp.sock',
    vsockSocket: '/s/vsock.sock',
    fsConnection: () => 40,
    sizeOf: () => 130 * MIB,
    isBlockDevice: (path) => path.startsWith('/dev/'),
  });
}

/** Values of an option, in order. */
function valuesOf(args: readonly string[], option: string): string[] {
  return args.flatMap((arg, index) => (arg === option ? [args[index + 1] ?? ''] : []));
}

const DISK = { kind: 'disk', id: undefined, path: '/d', readOnly: true, direct: false, serial: undefined } as const;

describe('machineCommand()', () => {
  it('is a machine whose root bus takes devices, named after the sandbox, without anything by default', () => {
    const { args, fds } = commandOf({});
    expect(valuesOf(args, '-name')).toEqual(['sandbox-abc,process=sandbox-abc']);
    expect(valuesOf(args, '-machine')).toEqual(['pc,memory-backend=mem']);
    expect(valuesOf(args, '-m')).toEqual([`size=${256 * 1024}K`]);
    expect(valuesOf(args, '-smp')).toEqual(['cpus=1,maxcpus=1,sockets=1,cores=1,threads=1']);
    expect(args).toEqual(expect.arrayContaining(['-nodefaults', '-no-user-config', '-no-reboot']));
    expect(valuesOf(args, '-kernel')).toEqual(['/k,1']);
    expect(args).not.toContain('-initrd');
    expect(fds).toEqual([]);
  });

  it('leaves room for processors and memory that come later', () => {
    const { args } = commandOf({ cpus: { boot_vcpus: 1, max_vcpus: 4 } }, [], 1024 * MIB);
    expect(valuesOf(args, '-smp')).toEqual(['cpus=1,maxcpus=4,sockets=1,cores=4,threads=1']);
    expect(valuesOf(args, '-m')).toEqual([`size=${256 * 1024}K,slots=28,maxmem=${1280 * 1024}K`]);
  });

  it('gives an image as read-only memory where writes are thrown away, with a slot and whole blocks for it', () => {
    const { args } = commandOf({ pmem: [{ file: '/i,mg', discard_writes: true }, { file: '/w' }] });
    expect(valuesOf(args, '-machine')).toEqual(['pc,memory-backend=mem,nvdimm=on']);
    expect(valuesOf(args, '-m')).toEqual([`size=${256 * 1024}K,slots=2,maxmem=${(256 + 2 * 256) * 1024}K`]);
    expect(valuesOf(args, '-object').slice(1)).toEqual([
      `memory-backend-file,id=pmem0,mem-path=/i,,mg,size=${130 * MIB},share=off,readonly=on`,
      `memory-backend-file,id=pmem1,mem-path=/w,size=${130 * MIB},share=on`,
    ]);
    expect(valuesOf(args, '-device')).toEqual([
      'nvdimm,id=nvdimm0,memdev=pmem0,unarmed=on',
      'nvdimm,id=nvdimm1,memdev=pmem1',
    ]);
  });

  it('shares its memory, and has huge pages and all of it at once where it shall', () => {
    const memory = { size: 256 * MIB, hugepages: true, prefault: true };
    expect(valuesOf(commandOf({ memory }).args, '-object')).toEqual([
      `memory-backend-memfd,id=mem,size=${256 * 1024}K,share=on,hugetlb=on,prealloc=on`,
    ]);
  });

  it('places devices on the root bus in their order, each behind its backend', () => {
    const { args, fds } = commandOf({}, [
      { ...DISK, path: '/dev/sda', direct: true, serial: 'se,r' },
      { kind: 'net', id: undefined, mac: '26:61:a7:9b:9c:20', tap: { is: 'name', name: 'tap0_kata' } },
      { kind: 'net', id: undefined, mac: undefined, tap: { is: 'descriptors', fds: [31] } },
      { kind: 'net', id: undefined, mac: undefined, tap: { is: 'descriptors', fds: [32, 33] } },
      { kind: 'fs', id: undefined, tag: 'kataShared', socket: '/r/fs', queues: 1, queueSize: 1024 },
      { kind: 'vfio', id: undefined, path: '/sys/bus/pci/devices/0000:01:00.0' },
      { kind: 'vsock' },
      { kind: 'rng' },
    ]);
    expect(valuesOf(args, '-device')).toEqual([
      'virtio-blk-pci,id=dev2,bus=pci.0,addr=0x2,drive=dev2-node,serial=se,,r',
      'virtio-net-pci,id=dev3,bus=pci.0,addr=0x3,netdev=dev3-net,romfile=,mac=26:61:a7:9b:9c:20',
      'virtio-net-pci,id=dev4,bus=pci.0,addr=0x4,netdev=dev4-net,romfile=',
      'virtio-net-pci,id=dev5,bus=pci.0,addr=0x5,netdev=dev5-net,romfile=,mq=on,vectors=6',
      'vhost-user-fs-pci,id=dev6,bus=pci.0,addr=0x6,chardev=dev6-chr,tag=kataShared,queue-size=1024,num-request-queues=1',
      'vfio-pci,id=dev7,bus=pci.0,addr=0x7,sysfsdev=/sys/bus/pci/devices/0000:01:00.0',
      'vhost-user-vsock-pci,id=dev8,bus=pci.0,addr=0x8,chardev=dev8-chr',
      'virtio-rng-pci,id=dev9,bus=pci.0,addr=0x9',
    ]);
    // One queue, though num_queues was 2: the tap has no more.
    expect(valuesOf(args, '-netdev')).toEqual([
      'tap,id=dev3-net,ifname=tap0_kata,script=no,downscript=no',
      'tap,id=dev4-net,fd=3',
      'tap,id=dev5-net,fds=4:5',
    ]);
    expect(fds).toEqual([31, 32, 33, 40]);
    expect(valuesOf(args, '-chardev')).toEqual([
      'stdio,id=console,signal=off',
      'socket,id=dev6-chr,fd=6',
      'socket,id=dev8-chr,path=/s/vsock.sock',
    ]);
    expect(valuesOf(args, '-blockdev').map((json) => JSON.parse(json))).toEqual([
      {
        driver: 'raw',
        'node-name': 'dev2-node',
        'read-only': true,
        cache: { direct: true },
        discard: 'unmap',
        file: { driver: 'host_device', filename: '/dev/sda' },
      },
    ]);
  });

  it('has a virtio console in the place of the serial line', () => {
    const { args } = commandOf({ console: { mode: 'Tty' } }, [{ kind: 'console' }]);
    expect(args).not.toContain('-serial');
    expect(valuesOf(args, '-device')).toEqual([
      'virtio-serial-pci,id=dev2,bus=pci.0,addr=0x2',
      'virtconsole,chardev=dev2-chr',
    ]);
  });
});
