/** CRI-O's runtime handler, as a file of its crio.conf.d; crio.conf(5), "CRIO.RUNTIME.RUNTIMES TABLE". */
import { FLAG, oneOf, TEXT, TEXTS } from './fields.ts';
import type { Field, Shape } from './shape.ts';
import { tomlText } from './toml-text.ts';

/** What the drop-in depends on. */
export interface CrioOptions {
  /** Name that a RuntimeClass calls it by. */
  readonly handler: string;
  /** Path of the shim. */
  readonly shim: string;
  /** Path of Kata's configuration, where the shim is not to look for it itself. CRI-O knows the key from 1.23 on. */
  readonly configuration?: string;
}

/** What CRI-O asks of a shim's file name: RuntimeTypeVMBinaryPattern. */
const SHIM_PATH = {
  expression: /(^|\/)containerd-shim-[a-zA-Z0-9\-+]+$/,
  wanted: 'a path whose name begins with containerd-shim-',
} as const;

const TEXT_MAP: Shape = { kind: 'map', of: TEXT };

const HANDLER_FIELDS: Readonly<Record<string, Field>> = {
  runtime_path: { shape: TEXT },
  runtime_type: { shape: oneOf('', 'oci', 'vm', 'pod') },
  runtime_root: { shape: TEXT },
  runtime_config_path: { shape: TEXT },
  privileged_without_host_devices: { shape: FLAG },
  allowed_annotations: { shape: TEXTS },
  default_annotations: { shape: TEXT_MAP },
  monitor_path: { shape: TEXT },
  monitor_cgroup: { shape: TEXT },
  monitor_exec_cgroup: { shape: oneOf('', 'container') },
  monitor_env: { shape: TEXTS },
  platform_runtime_paths: { shape: TEXT_MAP },
  runtime_pull_image: { shape: FLAG, gap: (value) => (value === true ? 'the guest pulls no images' : undefined) },
  container_min_memory: { shape: TEXT },
  container_create_timeout: { shape: { kind: 'integer', min: 0, max: Number.POSITIVE_INFINITY } },
  no_sync_log: { shape: FLAG },
  inherit_default_runtime: { shape: FLAG },
  stream_websockets: { shape: FLAG },
  exec_cpu_affinity: { shape: oneOf('', 'first') },
  seccomp_profile: { shape: TEXT },
};

/** A handler of Kata's: the type of the runtime is what makes CRI-O speak to a shim. */
const KATA_FIELDS: Readonly<Record<string, Field>> = {
  ...HANDLER_FIELDS,
  runtime_path: { shape: { kind: 'text', pattern: SHIM_PATH }, required: true },
  runtime_type: { shape: oneOf('vm'), required: true },
};

/** A whole crio.conf passes too: of the rest only what names the handlers is looked at. */
export function crioShape(handlers: readonly string[]): Shape {
  const fields = Object.fromEntries(handlers.map((name): [string, Field] => [name, { shape: shapeOf(name) }]));
  return {
    kind: 'record',
    fields: {
      crio: { shape: open({ runtime: { shape: open({ runtimes: { shape: open(fields) } }) } }), required: true },
    },
  };
}

function shapeOf(name: string): Shape {
  return { kind: 'record', fields: name.startsWith('kata') ? KATA_FIELDS : HANDLER_FIELDS };
}

function open(fields: Readonly<Record<string, Field>>): Shape {
  return { kind: 'record', fields, others: 'passed-over' };
}

/** Text of the drop-in. `runtime_root` is where the shim keeps its sandboxes. */
export function crioDropIn({ handler, shim, configuration }: CrioOptions): string {
  const table = {
    runtime_path: shim,
    runtime_type: 'vm',
    runtime_root: '/run/vc',
    ...(configuration === undefined ? {} : { runtime_config_path: configuration }),
    privileged_without_host_devices: true,
  };
  return tomlText({ crio: { runtime: { runtimes: { [handler]: table } } } });
}
