/** The MachineConfig that gives OpenShift's nodes our guest; machineconfiguration.openshift.io/v1, with Ignition 3.2. */
import { Buffer } from 'node:buffer';
import { posix } from 'node:path';
import { stringify } from 'yaml';
import { LABEL, objectShape, TEXT_OF } from './cluster.ts';
import { FLAG, oneOf, TEXT, TEXTS } from './fields.ts';
import type { Field, Shape } from './shape.ts';

const API_VERSION = 'machineconfiguration.openshift.io/v1';
const KIND = 'MachineConfig';
const ROLE_LABEL = 'machineconfiguration.openshift.io/role';
const IGNITION = '3.2.0';

/** OpenShift's nodes have the cluster's pull secret there, for kubelet. Podman looks for one in root's home only. */
const PULL_SECRET = '/var/lib/kubelet/config.json';

/** What the object depends on. */
export interface MachineConfigOptions {
  readonly name: string;
  /** Pool of nodes, such as `worker` or the operator's `kata-oc`. */
  readonly role: string;
  /** Path and text of Kata's configuration. */
  readonly configuration: { readonly path: string; readonly text: string };
  /** Directory on the node that gets the guest's files. */
  readonly directory: string;
  /** Container image with this package: it builds the guest on the node, from the node's own kernel. */
  readonly builder: string;
}

const record = (fields: Readonly<Record<string, Field>>): Shape => ({ kind: 'record', fields });
const MODE: Shape = { kind: 'integer', min: 0, max: 0o7777 };

const FILE = record({
  path: { shape: TEXT_OF({ expression: /^\/[^\0]*$/, wanted: 'an absolute path' }), required: true },
  mode: { shape: MODE },
  overwrite: { shape: FLAG },
  user: { shape: record({ id: { shape: MODE }, name: { shape: TEXT } }) },
  group: { shape: record({ id: { shape: MODE }, name: { shape: TEXT } }) },
  contents: {
    shape: record({
      source: {
        shape: TEXT_OF({ expression: /^(data:[\x21-\x7e]*|https?:\/\/\S+)?$/, wanted: 'a data: or http(s): URL' }),
      },
      compression: { shape: oneOf('', 'gzip') },
      verification: { shape: record({ hash: { shape: TEXT } }) },
    }),
  },
});

const UNIT = record({
  name: {
    shape: TEXT_OF({
      expression: /^[\w.@:-]+\.(service|socket|mount|path|target|timer|slice|swap)$/,
      wanted: 'the name of a unit',
    }),
    required: true,
  },
  enabled: { shape: FLAG },
  mask: { shape: FLAG },
  contents: { shape: TEXT },
  dropins: {
    shape: { kind: 'list', of: record({ name: { shape: TEXT, required: true }, contents: { shape: TEXT } }) },
  },
});

const CONFIG = record({
  ignition: {
    shape: record({
      version: { shape: TEXT_OF({ expression: /^3\.[0-5]\.0$/, wanted: '3.0.0 to 3.5.0' }), required: true },
    }),
    required: true,
  },
  storage: { shape: record({ files: { shape: { kind: 'list', of: FILE } } }) },
  systemd: { shape: record({ units: { shape: { kind: 'list', of: UNIT } } }) },
});

/** A pool takes the object by its label; without one no node ever sees it. */
const POOL_LABELS: Shape = {
  kind: 'record',
  fields: { [ROLE_LABEL]: { shape: TEXT_OF(LABEL), required: true } },
  others: 'passed-over',
};

export const MACHINE_CONFIG_SHAPE = objectShape(
  API_VERSION,
  KIND,
  {
    spec: {
      shape: record({
        config: { shape: CONFIG, required: true },
        extensions: { shape: TEXTS },
        kernelArguments: { shape: TEXTS },
        kernelType: { shape: oneOf('', 'default', 'realtime', '64k-pages') },
        fips: { shape: FLAG },
        osImageURL: { shape: TEXT },
      }),
      required: true,
    },
  },
  POOL_LABELS,
);

/** Text of the object. */
export function machineConfig(options: MachineConfigOptions): string {
  const { name, role, configuration, directory, builder } = options;
  const source = `data:text/plain;charset=utf-8;base64,${Buffer.from(configuration.text).toString('base64')}`;
  const file = { path: configuration.path, mode: 0o644, overwrite: true, contents: { source } };
  const unit = { name: 'kata-agent-ts-image.service', enabled: true, contents: imageUnit(directory, builder) };
  return stringify(
    {
      apiVersion: API_VERSION,
      kind: KIND,
      metadata: { name, labels: { [ROLE_LABEL]: role } },
      spec: {
        config: { ignition: { version: IGNITION }, storage: { files: [file] }, systemd: { units: [unit] } },
      },
    },
    { lineWidth: 0 },
  );
}

/**
 * The unit that builds the guest at each boot, before the first pod: an update of the node brings another kernel, and the
 * guest runs the node's. Programs come from the container, the kernel and its modules from the node.
 */
function imageUnit(directory: string, builder: string): string {
  const cache = posix.join(directory, 'cache');
  const run = [
    `/usr/bin/podman run --rm --authfile=${PULL_SECRET} --network=none --security-opt label=disable`,
    '--volume /usr/lib/modules:/lib/modules:ro',
    `--volume ${directory}:${directory}`,
    `--env KATA_SANDBOX_CACHE=${cache}`,
    `${builder} kata-sandbox kata-image --form initrd --output ${directory}`,
  ];
  return [
    '[Unit]',
    "Description=Build the guest of kata-agent-ts from this node's kernel",
    'Wants=network-online.target',
    'After=network-online.target',
    'Before=kubelet.service',
    '',
    '[Service]',
    'Type=oneshot',
    'RemainAfterExit=yes',
    `ExecStartPre=/usr/bin/mkdir -p ${cache}`,
    `ExecStart=${run.join(' ')}`,
    `ExecStartPost=/usr/sbin/restorecon -R ${directory}`,
    '',
    '[Install]',
    'WantedBy=multi-user.target',
    '',
  ].join('\n');
}
