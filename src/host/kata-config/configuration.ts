/** Writes Kata's configuration.toml for a machine of QEMU's, of Cloud Hypervisor's, or of ours in the latter's place. */
import { posix } from 'node:path';
import { KATA_FILES } from '../kata-image.ts';
import type { Shim } from './shim.ts';
import { tomlText } from './toml-text.ts';

/** Who runs the machine. The shim takes `kata-vmm` for Cloud Hypervisor. */
export const MONITORS = ['kata-vmm', 'qemu', 'clh'] as const;
export type Monitor = (typeof MONITORS)[number];

/** What the file depends on. */
export interface ConfigurationOptions {
  readonly monitor: Monitor;
  readonly shim: Shim;
  /** Which of the two forms of the guest. */
  readonly guest: 'image' | 'initrd';
  /** Directory with the guest's files. */
  readonly directory: string;
  /** Path of the program that runs the machine. */
  readonly monitorPath: string;
  /** Path of virtiofsd, or of what stands in its place. */
  readonly virtiofsd: string;
  /** Of the machine, MiB. */
  readonly memory: number;
  /** Logs of everything, and a shell in the guest for `kata-runtime exec`. */
  readonly debug: boolean;
}

/** An emulated guest that starts together with nine others takes this long to its first answer, in seconds. */
const EMULATED_DIAL_TIMEOUT = 60;
/** Likewise, for all that belongs to a container's creation. The agent is told of it, and ends before. */
const CREATE_TIMEOUT = 60;

/**
 * Text of the file.
 * - The share is uncached with the later shims and cached as `auto` with 2.2, as each of them has it for itself.
 * - One processor at first, and up to all that the host has: a container's limits add them.
 */
export function kataConfiguration(options: ConfigurationOptions): string {
  const { monitor, shim, debug } = options;
  const section = monitor === 'qemu' ? 'qemu' : 'clh';
  const document = {
    hypervisor: { [section]: section === 'qemu' ? qemu(options) : cloudHypervisor(options) },
    agent: {
      kata: {
        enable_debug: debug,
        debug_console_enabled: debug,
        kernel_modules: [],
        ...(monitor === 'kata-vmm' ? { dial_timeout: EMULATED_DIAL_TIMEOUT } : {}),
      },
    },
    runtime: {
      enable_debug: debug,
      internetworking_model: 'tcfilter',
      disable_guest_seccomp: true,
      sandbox_cgroup_only: false,
      ...(shim === '2.2'
        ? {}
        : {
            static_sandbox_resource_mgmt: monitor !== 'qemu',
            vfio_mode: 'guest-kernel',
            create_container_timeout: CREATE_TIMEOUT,
          }),
    },
  };
  return tomlText(document);
}

type Table = Record<string, string | number | boolean | string[]>;

function common({
  monitor,
  shim,
  guest,
  directory,
  monitorPath,
  virtiofsd,
  memory,
  debug,
}: ConfigurationOptions): Table {
  return {
    path: monitorPath,
    valid_hypervisor_paths: [monitorPath],
    kernel: posix.join(directory, KATA_FILES.kernel),
    [guest]: posix.join(directory, KATA_FILES[guest]),
    kernel_params: '',
    default_vcpus: 1,
    default_maxvcpus: 0,
    default_memory: memory,
    shared_fs: 'virtio-fs',
    virtio_fs_daemon: virtiofsd,
    valid_virtio_fs_daemon_paths: [virtiofsd],
    virtio_fs_cache: shim === '2.2' ? 'auto' : 'never',
    // Each in the words of the daemon that its shim was made for.
    virtio_fs_extra_args: [
      '--thread-pool-size=1',
      ...(shim === '2.2' ? ['-o', 'announce_submounts'] : ['--announce-submounts']),
    ],
    enable_debug: debug,
    ...(shim === '2.2'
      ? {}
      : {
          // Elsewhere the shim labels the machine's program, as OpenShift's policy wants it; ours is a Node, which none names.
          disable_selinux: monitor === 'kata-vmm',
          disable_guest_selinux: true,
          rootfs_type: 'ext4',
          default_maxmemory: 0,
        }),
  };
}

function qemu(options: ConfigurationOptions): Table {
  return {
    ...common(options),
    machine_type: 'q35',
    default_bridges: 1,
    block_device_driver: 'virtio-scsi',
    entropy_source: '/dev/urandom',
    enable_iothreads: false,
    disable_image_nvdimm: false,
  };
}

function cloudHypervisor(options: ConfigurationOptions): Table {
  return { ...common(options), block_device_driver: 'virtio-blk' };
}
