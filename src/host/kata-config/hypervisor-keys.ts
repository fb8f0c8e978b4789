/** The keys of `[hypervisor.NAME]` in Kata's configuration, as src/runtime/pkg/katautils/config.go of its sources has them. */
import { COUNT, FLAG, ifAny, ifOn, ifOneOf, type Key, keys, LARGE, oneOf, TEXT, TEXTS } from './fields.ts';
import { kernelWordsGap } from './kernel-words.ts';
import type { Shape } from './shape.ts';

/** MinHypervisorMemory of the shim, in MiB. */
const LEAST_MEMORY = 256n;
const MOST_BRIDGES = 5n;
const MOST_PCIE_PORTS = 16n;

const NO_ATTESTATION = 'the guest has no attestation';
const NO_SELINUX = 'the guest has no SELinux';
const NO_VFIO = 'the agent hands no VFIO devices to containers';

const VCPUS_MIN = -(2 ** 31);
const VCPUS_MAX = 2 ** 31 - 1;
const PORTS = oneOf('no-port', 'bridge-port', 'root-port', 'switch-port');
const RATE: Shape = { kind: 'integer', min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY };

const noPort = (value: unknown): string | undefined => (value === 'no-port' ? undefined : NO_VFIO);
const clipped =
  (most: bigint) =>
  (value: unknown): string | undefined =>
    typeof value === 'bigint' && value > most ? `the shim takes ${most}` : undefined;

const GUEST_EXTENSION: Shape = {
  kind: 'record',
  fields: {
    name: { shape: TEXT, required: true },
    path: { shape: TEXT, required: true },
    verity_params: { shape: TEXT },
  },
};

/** Every key of either release. */
export const HYPERVISOR_KEYS: readonly Key[] = [
  // The machine
  ...keys(TEXT, 'path jailer_path kernel initrd image firmware machine_accelerators cpu_features machine_type'),
  ...keys(TEXT, 'entropy_source vhost_user_store_path guest_memory_dump_path guest_hook_path virtio_fs_daemon'),
  ...keys(
    TEXTS,
    'valid_hypervisor_paths valid_jailer_paths valid_virtio_fs_daemon_paths virtio_fs_extra_args pflashes',
  ),
  ...keys(TEXTS, 'valid_vhost_user_store_paths valid_entropy_sources enable_annotations'),
  ...keys(TEXT, 'ctlpath file_mem_backend'),
  ...keys(TEXTS, 'valid_ctlpaths valid_file_mem_backends'),
  ...keys(LARGE, 'rx_rate_limiter_max_rate tx_rate_limiter_max_rate memory_offset'),
  ...keys(COUNT, 'virtio_fs_cache_size default_maxvcpus memory_slots msize_9p'),
  ...keys(FLAG, 'block_device_cache_set block_device_cache_direct block_device_cache_noflush enable_vhost_user_store'),
  ...keys(FLAG, 'disable_block_device_use enable_mem_prealloc enable_hugepages enable_iommu enable_iommu_platform'),
  ...keys(FLAG, 'enable_debug disable_nesting_checks enable_iothreads disable_image_nvdimm disable_vhost_net'),
  ...keys(FLAG, 'guest_memory_dump_paging enable_guest_swap'),
  { name: 'kernel_params', shape: TEXT, gap: kernelWordsGap },
  { name: 'default_vcpus', shape: { kind: 'integer', min: VCPUS_MIN, max: VCPUS_MAX }, only: '2.2' },
  { name: 'default_vcpus', shape: { kind: 'number', min: VCPUS_MIN, max: VCPUS_MAX }, only: '3' },
  {
    name: 'default_memory',
    shape: COUNT,
    note: (value) =>
      typeof value === 'bigint' && value < LEAST_MEMORY
        ? `below ${LEAST_MEMORY} MiB the shim takes its default`
        : undefined,
  },
  { name: 'default_bridges', shape: COUNT, note: clipped(MOST_BRIDGES) },
  { name: 'pcie_root_port', shape: COUNT, note: clipped(MOST_PCIE_PORTS) },
  {
    name: 'block_device_driver',
    shape: oneOf('virtio-scsi', 'virtio-blk', 'virtio-mmio', 'nvdimm', 'virtio-blk-ccw'),
    gap: ifOneOf({ 'virtio-blk-ccw': 'the agent runs on x86-64 only' }),
  },
  { name: 'enable_virtio_mem', shape: FLAG, gap: ifOn('the guest does not load the driver of virtio-mem by itself') },
  { name: 'confidential_guest', shape: FLAG, gap: ifOn(NO_ATTESTATION) },

  // Only 2.2
  ...keys(FLAG, 'enable_swap hotplug_vfio_on_root_bus', '2.2'),
  {
    name: 'shared_fs',
    shape: oneOf('virtio-9p', 'virtio-fs'),
    gap: ifOneOf({ 'virtio-9p': 'the agent has no 9p' }),
    only: '2.2',
  },
  { name: 'virtio_fs_cache', shape: oneOf('none', 'auto', 'always'), only: '2.2' },

  // Only 3
  ...keys(TEXT, 'firmware_volume seccompsandbox remote_hypervisor_socket measurement_algo', '3'),
  ...keys(LARGE, 'default_maxmemory', '3'),
  ...keys(RATE, 'disk_rate_limiter_bw_max_rate disk_rate_limiter_bw_one_time_burst', '3'),
  ...keys(RATE, 'disk_rate_limiter_ops_max_rate disk_rate_limiter_ops_one_time_burst', '3'),
  ...keys(RATE, 'net_rate_limiter_bw_max_rate net_rate_limiter_bw_one_time_burst', '3'),
  ...keys(RATE, 'net_rate_limiter_ops_max_rate net_rate_limiter_ops_one_time_burst', '3'),
  ...keys(COUNT, 'virtio_fs_queue_size remote_hypervisor_timeout vhost_user_reconnect_timeout_sec', '3'),
  ...keys(COUNT, 'block_device_logical_sector_size block_device_physical_sector_size indep_iothreads', '3'),
  ...keys(FLAG, 'rootless disable_seccomp disable_selinux use_legacy_serial enable_numa', '3'),
  ...keys(TEXTS, 'numa_mapping', '3'),
  { name: 'hypervisor_loglevel', shape: { kind: 'integer', min: 0, max: 3 }, only: '3' },
  { name: 'pcie_switch_port', shape: COUNT, note: clipped(MOST_PCIE_PORTS), only: '3' },
  {
    name: 'rootfs_type',
    shape: oneOf('ext4', 'xfs', 'erofs'),
    gap: ifOneOf({ xfs: 'kata-image makes ext4 and erofs' }),
    only: '3',
  },
  { name: 'block_device_aio', shape: oneOf('io_uring', 'native', 'threads'), only: '3' },
  { name: 'extra_monitor_socket', shape: oneOf('', 'hmp', 'qmp', 'qmp-pretty'), only: '3' },
  {
    name: 'shared_fs',
    shape: oneOf('virtio-fs', 'virtio-9p', 'virtio-fs-nydus', 'none'),
    gap: ifOneOf({
      'virtio-9p': 'the agent has no 9p',
      'virtio-fs-nydus': 'the agent makes no root out of lazily loaded layers',
    }),
    only: '3',
  },
  { name: 'virtio_fs_cache', shape: oneOf('never', 'metadata', 'auto', 'always'), only: '3' },
  { name: 'hot_plug_vfio', shape: PORTS, gap: noPort, only: '3' },
  { name: 'cold_plug_vfio', shape: PORTS, gap: noPort, only: '3' },
  { name: 'sev_snp_guest', shape: FLAG, gap: ifOn(NO_ATTESTATION), only: '3' },
  { name: 'snp_id_block', shape: TEXT, gap: ifAny(NO_ATTESTATION), only: '3' },
  { name: 'snp_id_auth', shape: TEXT, gap: ifAny(NO_ATTESTATION), only: '3' },
  { name: 'snp_guest_policy', shape: LARGE, gap: ifAny(NO_ATTESTATION), only: '3' },
  { name: 'tdx_quote_generation_service_socket_port', shape: COUNT, gap: ifAny(NO_ATTESTATION), only: '3' },
  { name: 'kernel_verity_params', shape: TEXT, gap: ifAny('the image has no hash tree'), only: '3' },
  {
    name: 'disable_guest_selinux',
    shape: FLAG,
    gap: (value) => (value === false ? NO_SELINUX : undefined),
    only: '3',
  },
  {
    name: 'reclaim_guest_freed_memory',
    shape: FLAG,
    gap: ifOn('the guest does not load the driver of the balloon by itself'),
    only: '3',
  },
  {
    name: 'guest_extension_images',
    shape: { kind: 'list', of: GUEST_EXTENSION },
    gap: ifAny('the agent mounts no further images'),
    only: '3',
  },
];
