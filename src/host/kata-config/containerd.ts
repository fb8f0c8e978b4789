/** containerd's runtime handler, as a part of its config.toml; docs/cri/config.md of its sources. */
import { FLAG, oneOf, TEXT, TEXTS } from './fields.ts';
import type { Field, Shape } from './shape.ts';
import { tomlText } from './toml-text.ts';

/** Layouts of the file: 2 for containerd 1.3 and later, 3 for containerd 2. */
export const CONTAINERD_LAYOUTS = [2, 3] as const;
export type ContainerdLayout = (typeof CONTAINERD_LAYOUTS)[number];

/** The plug-in that has the handlers, in each layout. */
const PLUGINS: Readonly<Record<ContainerdLayout, string>> = {
  2: 'io.containerd.grpc.v1.cri',
  3: 'io.containerd.cri.v1.runtime',
};

/** A name that containerd turns into that of a program: io.containerd.kata.v2 is containerd-shim-kata-v2. */
const RUNTIME_TYPE = {
  expression: /^(io\.containerd\.[a-z0-9-]+\.v\d+|\/.+)$/,
  wanted: 'a name like io.containerd.kata.v2, or a path',
} as const;

const HANDLER_FIELDS: Readonly<Record<string, Field>> = {
  runtime_type: { shape: { kind: 'text', pattern: RUNTIME_TYPE }, required: true },
  runtime_path: { shape: TEXT },
  runtime_engine: { shape: TEXT },
  runtime_root: { shape: TEXT },
  base_runtime_spec: { shape: TEXT },
  pod_annotations: { shape: TEXTS },
  container_annotations: { shape: TEXTS },
  privileged_without_host_devices: { shape: FLAG },
  privileged_without_host_devices_all_devices_allowed: { shape: FLAG },
  cni_conf_dir: { shape: TEXT },
  cni_max_conf_num: { shape: { kind: 'integer', min: 0, max: 1000 } },
  snapshotter: { shape: TEXT },
  sandbox_mode: { shape: oneOf('', 'podsandbox', 'shim') },
  sandboxer: { shape: oneOf('', 'podsandbox', 'shim') },
  io_type: { shape: oneOf('', 'fifo', 'streaming') },
  options: { shape: { kind: 'record', fields: { ConfigPath: { shape: TEXT } }, others: 'passed-over' } },
};

/** A whole config.toml passes too: of the rest only what names the handlers is looked at. */
export function containerdShape(layout: ContainerdLayout): Shape {
  const handler: Shape = { kind: 'record', fields: HANDLER_FIELDS };
  const runtimes: Shape = { kind: 'map', of: handler };
  const containerd = open({ runtimes: { shape: runtimes } });
  const plugin = open({ containerd: { shape: containerd } });
  return open({
    version: { shape: { kind: 'integer', min: layout, max: layout }, required: true },
    plugins: { shape: open({ [PLUGINS[layout]]: { shape: plugin, required: true } }), required: true },
  });
}

function open(fields: Readonly<Record<string, Field>>): Shape {
  return { kind: 'record', fields, others: 'passed-over' };
}

/** Text of the part, which is a file of its own under `imports`, too. */
export function containerdHandler(handler: string, configuration: string, layout: ContainerdLayout): string {
  const table = {
    runtime_type: 'io.containerd.kata.v2',
    privileged_without_host_devices: true,
    pod_annotations: ['io.katacontainers.*'],
    options: { ConfigPath: configuration },
  };
  const plugin = { containerd: { runtimes: { [handler]: table } } };
  return tomlText({ version: layout, plugins: { [PLUGINS[layout]]: plugin } });
}
