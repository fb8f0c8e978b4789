import { describe, expect, it } from 'vitest';
import { escapeValue, type Machine, machineArguments } from '../../../../src/host/qemu/arguments.ts';

const MACHINE: Machine = {
  sandboxId: 'web',
  uuid: '01234567-89ab-cdef-0123-456789abcdef',
  accelerator: 'tcg',
  cpus: 2,
  memoryMiB: 512,
  kernel: '/c/kernel',
  initrd: '/c/initrd',
  kernelParameters: ['console=ttyS0', 'panic=1'],
  rootfs: '/c/root.erofs',
  vsock: { kind: 'vhost-user', socketPath: '/r/web/vsock.sock' },
  fsSocketPath: '/r/web/fs.sock',
  fsTag: 'kataShared',
  qmpSocketPath: '/r/web/qmp.sock',
};

/** Values of an option, in order. */
function valuesOf(args: readonly string[], option: string): string[] {
  return args.flatMap((arg, index) => (arg === option ? [args[index + 1] ?? ''] : []));
}

describe('machineArguments()', () => {
  const args = machineArguments(MACHINE);

  it('names the process after the sandbox', () => {
    expect(valuesOf(args, '-name')).toEqual(['sandbox-web,process=sandbox-web']);
    expect(valuesOf(args, '-uuid')).toEqual([MACHINE.uuid]);
  });

  it('shares the whole memory, whose size it gives twice', () => {
    expect(valuesOf(args, '-m')).toEqual(['512M']);
    expect(valuesOf(args, '-object')).toEqual(['memory-backend-memfd,id=mem,size=512M,share=on']);
    expect(valuesOf(args, '-machine')).toEqual(['q35,memory-backend=mem']);
    expect(valuesOf(args, '-smp')).toEqual(['2']);
  });

  it('attaches the root read-only, the share, entropy and the vsock device', () => {
    expect(valuesOf(args, '-drive')).toEqual(['if=none,id=root,file=/c/root.erofs,format=raw,readonly=on']);
    expect(valuesOf(args, '-device')).toEqual([
      'virtio-blk-pci,drive=root',
      'virtio-rng-pci',
      'vhost-user-fs-pci,chardev=fs,tag=kataShared',
      'vhost-user-vsock-pci,chardev=vsock',
    ]);
    expect(valuesOf(args, '-chardev')).toContain('socket,id=vsock,path=/r/web/vsock.sock');
    expect(valuesOf(args, '-chardev')).toContain('socket,id=fs,path=/r/web/fs.sock');
    expect(valuesOf(args, '-append')).toEqual(['console=ttyS0 panic=1']);
  });

  it('has nothing that a user or a distribution configures, and ends where the guest resets', () => {
    for (const flag of ['-nodefaults', '-no-user-config', '-no-reboot']) expect(args).toContain(flag);
  });

  it("uses the kernel's vsock device without a socket of ours", () => {
    const kernel = machineArguments({ ...MACHINE, vsock: { kind: 'vhost', guestCid: 77 } });
    expect(valuesOf(kernel, '-device')).toContain('vhost-vsock-pci,guest-cid=77');
    expect(kernel.join(' ')).not.toContain('vsock.sock');
  });

  it.each([
    ['tcg', ['tcg,thread=multi'], ['max,-erms']],
    ['kvm', ['kvm'], ['host']],
  ] as const)('chooses the processor model that goes with %s', (accelerator, accel, cpu) => {
    const chosen = machineArguments({ ...MACHINE, accelerator });
    expect(valuesOf(chosen, '-accel')).toEqual(accel);
    expect(valuesOf(chosen, '-cpu')).toEqual(cpu);
  });

  it('doubles commas in paths, so that no path can add an option', () => {
    expect(escapeValue('/a,b')).toBe('/a,,b');
    const odd = machineArguments({ ...MACHINE, rootfs: '/x,format=qcow2' });
    expect(valuesOf(odd, '-drive')[0]).toContain('file=/x,,format=qcow2,format=raw');
  });
});
