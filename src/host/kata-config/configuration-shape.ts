/** Kata's configuration.toml: its tables and keys, as src/runtime/pkg/katautils/config.go of its sources has them. */
import { COUNT, FLAG, ifAny, ifOn, ifOneOf, type Key, keys, LARGE, oneOf, TEXT, TEXTS, tableOf } from './fields.ts';
import { HYPERVISOR_KEYS } from './hypervisor-keys.ts';
import type { Field, Shape } from './shape.ts';
import type { Shim } from './shim.ts';

const NO_TRACES = 'the agent sends no traces';
const NO_COMPONENTS = 'there are no guest components';

/** Hypervisors that a release knows: another name is an error of its. */
const HYPERVISORS: Readonly<Record<Shim, readonly string[]>> = {
  '2.2': ['qemu', 'clh', 'firecracker', 'acrn'],
  '3': ['qemu', 'clh', 'firecracker', 'dragonball', 'stratovirt', 'remote'],
};

/** Neither release has one registered, so every name is an error of its. */
const NO_FEATURE = { expression: /^(?!)/, wanted: 'a feature that the shim knows; it knows none' } as const;

const AGENT_KEYS: readonly Key[] = [
  ...keys(TEXTS, 'kernel_modules'),
  ...keys(FLAG, 'enable_debug debug_console_enabled'),
  ...keys(COUNT, 'dial_timeout'),
  { name: 'enable_tracing', shape: FLAG, gap: ifOn(NO_TRACES) },
  { name: 'trace_mode', shape: TEXT, gap: ifAny(NO_TRACES), only: '2.2' },
  { name: 'trace_type', shape: TEXT, gap: ifAny(NO_TRACES), only: '2.2' },
  { name: 'cdh_api_timeout', shape: COUNT, gap: ifAny(NO_COMPONENTS), only: '3' },
  { name: 'launch_process_timeout', shape: COUNT, gap: ifAny(NO_COMPONENTS), only: '3' },
  { name: 'visible_cdi_devices', shape: FLAG, gap: ifOn('the agent reads no CDI files'), only: '3' },
];

const RUNTIME_KEYS: readonly Key[] = [
  ...keys(FLAG, 'enable_debug enable_tracing disable_new_netns disable_guest_seccomp sandbox_cgroup_only enable_pprof'),
  ...keys(TEXT, 'jaeger_endpoint jaeger_user jaeger_password'),
  ...keys(TEXTS, 'sandbox_bind_mounts'),
  { name: 'internetworking_model', shape: oneOf('tcfilter', 'macvtap', 'none') },
  { name: 'experimental', shape: { kind: 'list', of: { kind: 'text', pattern: NO_FEATURE } } },
  ...keys(FLAG, 'enable_vcpus_pinning static_sandbox_resource_mgmt disable_guest_empty_dir', '3'),
  ...keys(LARGE, 'create_container_timeout', '3'),
  ...keys(TEXT, 'dan_conf pod_resource_api_sock kubelet_root_dir', '3'),
  { name: 'vfio_mode', shape: oneOf('vfio', 'guest-kernel'), only: '3' },
  { name: 'guest_selinux_label', shape: TEXT, gap: ifAny('the guest has no SELinux'), only: '3' },
  {
    name: 'emptydir_mode',
    shape: oneOf('shared-fs', 'block-encrypted', 'block-plain'),
    gap: ifOneOf({ 'block-encrypted': 'the agent encrypts no disks' }),
    only: '3',
  },
  { name: 'experimental_force_guest_pull', shape: FLAG, gap: ifOn('the guest pulls no images'), only: '3' },
];

const FACTORY_KEYS: readonly Key[] = [
  ...keys(TEXT, 'template_path vm_cache_endpoint'),
  { name: 'enable_template', shape: FLAG, gap: ifOn('a machine that is saved and restored has not been tried') },
  { name: 'vm_cache_number', shape: COUNT, gap: ifAny('machines that wait for their pod have not been tried') },
];

const IMAGE_KEYS: readonly Key[] = [
  { name: 'provision', shape: TEXT },
  { name: 'service_offload', shape: FLAG, gap: ifOn('the guest pulls no images') },
];

const NETMON_KEYS: readonly Key[] = [...keys(TEXT, 'path'), ...keys(FLAG, 'enable_debug enable_netmon')];

/** The file of one release. */
export function configurationShape(shim: Shim): Shape {
  const hypervisor = tableOf(shim, HYPERVISOR_KEYS);
  const hypervisors = HYPERVISORS[shim].map((name): [string, Field] => [name, { shape: hypervisor }]);
  const old: Record<string, Field> = {
    image: { shape: tableOf(shim, IMAGE_KEYS) },
    netmon: { shape: tableOf(shim, NETMON_KEYS) },
  };
  return {
    kind: 'record',
    fields: {
      hypervisor: { shape: { kind: 'record', fields: Object.fromEntries(hypervisors) }, required: true },
      // The shim takes any name here, and Kata's own files say "kata".
      agent: { shape: { kind: 'record', fields: { kata: { shape: tableOf(shim, AGENT_KEYS) } } } },
      runtime: { shape: tableOf(shim, RUNTIME_KEYS) },
      factory: { shape: tableOf(shim, FACTORY_KEYS) },
      ...(shim === '2.2' ? old : {}),
    },
  };
}
