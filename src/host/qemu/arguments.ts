/** The command line of QEMU, as a pure function of what the machine shall be. */

/** How guest instructions are run: by the processor (`kvm`) or translated (`tcg`). */
export type Accelerator = 'kvm' | 'tcg';

/** The socket device of the machine. */
export type VsockDeviceKind =
  /** Our device in the harness's process, reached through its vhost-user socket. */
  | { readonly kind: 'vhost-user'; readonly socketPath: string }
  /** The host kernel's device. */
  | { readonly kind: 'vhost'; readonly guestCid: number };

/** A machine. */
export interface Machine {
  readonly sandboxId: string;
  /** RFC 4122 text form. */
  readonly uuid: string;
  readonly accelerator: Accelerator;
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly kernel: string;
  readonly initrd: string;
  readonly kernelParameters: readonly string[];
  /** Image of the root file system, attached read-only as the first virtio block device. */
  readonly rootfs: string;
  readonly vsock: VsockDeviceKind;
  /** vhost-user socket of virtiofsd. */
  readonly fsSocketPath: string;
  /** Name by which the guest mounts the share. */
  readonly fsTag: string;
  readonly qmpSocketPath: string;
}

/** A comma ends an option's value, and two stand for one (QEMU's manual, "Invocation"). */
export function escapeValue(value: string): string {
  return value.replaceAll(',', ',,');
}

/** Arguments of `qemu-system-x86_64`, without the program's own name. The guest's console is QEMU's stdout. */
export function machineArguments(machine: Machine): string[] {
  return [
    ...identityArguments(machine.sandboxId, machine.uuid),
    // q35 and not microvm: vhost-user devices are PCI devices.
    ...['-machine', 'q35,memory-backend=mem'],
    ...accelerationArguments(machine.accelerator),
    ...['-smp', String(machine.cpus)],
    ...['-m', `${machine.memoryMiB}M`],
    ...sharedMemoryArguments(`${machine.memoryMiB}M`),
    ...BARE_ARGUMENTS,
    ...kernelArguments(machine.kernel, machine.initrd, machine.kernelParameters.join(' ')),
    ...CONSOLE_ARGUMENTS,
    ...qmpArguments(machine.qmpSocketPath),
    ...['-drive', `if=none,id=root,file=${escapeValue(machine.rootfs)},format=raw,readonly=on`],
    ...['-device', 'virtio-blk-pci,drive=root'],
    ...['-device', 'virtio-rng-pci'],
    ...['-chardev', `socket,id=fs,path=${escapeValue(machine.fsSocketPath)}`],
    ...['-device', `vhost-user-fs-pci,chardev=fs,tag=${escapeValue(machine.fsTag)}`],
    ...vsockArguments(machine.vsock),
  ];
}

/** Names the machine and its process after its sandbox, by which `ps` finds it. */
export function identityArguments(sandboxId: string, uuid: string): string[] {
  const name = `sandbox-${sandboxId}`;
  return ['-name', `${name},process=${name}`, '-uuid', uuid];
}

/** Nothing that a user or a distribution configures, no screen, and an end of QEMU where the guest resets. */
export const BARE_ARGUMENTS: readonly string[] = ['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'];

/** A serial line that is QEMU's stdout. */
export const CONSOLE_ARGUMENTS: readonly string[] = [
  ...['-chardev', 'stdio,id=console,signal=off'],
  ...['-serial', 'chardev:console'],
];

/**
 * Memory `mem` that other processes may map, because virtiofsd and the vsock device reach into it.
 * @param size with QEMU's unit, such as `256M`.
 * @param extra further properties of the memory, each `name=value`.
 */
export function sharedMemoryArguments(size: string, extra: readonly string[] = []): string[] {
  return ['-object', ['memory-backend-memfd,id=mem', `size=${size}`, 'share=on', ...extra].join(',')];
}

/** What the machine starts with. */
export function kernelArguments(kernel: string, initrd: string | undefined, commandLine: string): string[] {
  return ['-kernel', kernel, ...(initrd === undefined ? [] : ['-initrd', initrd]), '-append', commandLine];
}

/** The control socket. */
export function qmpArguments(path: string): string[] {
  return ['-qmp', `unix:${escapeValue(path)},server=on,wait=off`];
}

/**
 * Every feature of an emulated processor but ERMS, by which the guest's kernel would copy with `rep movsb`. QEMU emulates
 * that byte by byte; what the kernel uses in its place moves eight at a time, which triples the speed of pipes and sockets.
 */
const EMULATED_CPU = 'max,-erms';

/** The part that chooses accelerator and processor model. */
export function accelerationArguments(accelerator: Accelerator): string[] {
  return accelerator === 'kvm'
    ? ['-accel', 'kvm', '-cpu', 'host']
    : ['-accel', 'tcg,thread=multi', '-cpu', EMULATED_CPU];
}

function vsockArguments(vsock: VsockDeviceKind): string[] {
  if (vsock.kind === 'vhost') return ['-device', `vhost-vsock-pci,guest-cid=${vsock.guestCid}`];
  return [
    ...['-chardev', `socket,id=vsock,path=${escapeValue(vsock.socketPath)}`],
    ...['-device', 'vhost-user-vsock-pci,chardev=vsock'],
  ];
}
