import { parse } from 'smol-toml';
import { describe, expect, it } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { checkText } from '../../../../src/host/kata-config/check.ts';
import {
  type ConfigurationOptions,
  kataConfiguration,
  MONITORS,
} from '../../../../src/host/kata-config/configuration.ts';
import { configuredFiles } from '../../../../src/host/kata-config/configured-files.ts';
import { CONTAINERD_LAYOUTS, containerdHandler } from '../../../../src/host/kata-config/containerd.ts';
import { crioDropIn } from '../../../../src/host/kata-config/crio.ts';
import { kataConfigObject } from '../../../../src/host/kata-config/kata-config-object.ts';
import { machineConfig } from '../../../../src/host/kata-config/machine-config.ts';
import { runtimeClass } from '../../../../src/host/kata-config/runtime-class.ts';
import { SHIMS } from '../../../../src/host/kata-config/shim.ts';

const OPTIONS: ConfigurationOptions = {
  monitor: 'kata-vmm',
  shim: '3',
  guest: 'image',
  directory: '/opt/guest',
  monitorPath: '/opt/vmm',
  virtiofsd: '/opt/virtiofsd',
  memory: 512,
  debug: true,
};

const CASES = MONITORS.flatMap((monitor) =>
  SHIMS.flatMap((shim) => (['image', 'initrd'] as const).map((guest) => ({ ...OPTIONS, monitor, shim, guest }))),
);

describe('kataConfiguration()', () => {
  it.each(CASES)('for $monitor, shim $shim, $guest passes the check of that shim', (options) => {
    const { what, findings } = checkText(kataConfiguration(options), options.shim);
    expect(what).toContain(`shim ${options.shim}`);
    // Only the older shim's Cloud Hypervisor has no archive, and says so.
    const refused = options.shim === '2.2' && options.monitor !== 'qemu' && options.guest === 'initrd';
    expect(findings.map(({ kind }) => kind)).toEqual(refused ? ['wrong'] : []);
  });

  it('names the files of the guest, and the programs', () => {
    const text = kataConfiguration(OPTIONS);
    expect(configuredFiles(text).map(({ file }) => file)).toEqual([
      '/opt/vmm',
      '/opt/guest/vmlinux',
      '/opt/guest/kata-containers.img',
      '/opt/virtiofsd',
    ]);
    expect(
      configuredFiles(kataConfiguration({ ...OPTIONS, guest: 'initrd' })).map(({ path }) => path.at(-1)),
    ).toContain('initrd');
    expect(configuredFiles('not toml')).toEqual([]);
  });

  it('speaks to each daemon in its own words', () => {
    const clh = (options: ConfigurationOptions): unknown => parse(kataConfiguration(options))['hypervisor'];
    expect(clh(OPTIONS)).toMatchObject({
      clh: { virtio_fs_cache: 'never', virtio_fs_extra_args: ['--thread-pool-size=1', '--announce-submounts'] },
    });
    expect(clh({ ...OPTIONS, shim: '2.2' })).toMatchObject({
      clh: { virtio_fs_cache: 'auto', virtio_fs_extra_args: ['--thread-pool-size=1', '-o', 'announce_submounts'] },
    });
  });
});

describe('crioDropIn()', () => {
  it('is what the article has', () => {
    const text = crioDropIn({ handler: 'kata', shim: '/usr/bin/containerd-shim-kata-v2' });
    expect(parse(text)).toEqual({
      crio: {
        runtime: {
          runtimes: {
            kata: {
              runtime_path: '/usr/bin/containerd-shim-kata-v2',
              runtime_type: 'vm',
              runtime_root: '/run/vc',
              privileged_without_host_devices: true,
            },
          },
        },
      },
    });
    expect(checkText(text).findings).toEqual([]);
  });

  it('names the configuration where that is wanted', () => {
    const text = crioDropIn({ handler: 'kata', shim: '/x/containerd-shim-kata-v2', configuration: '/etc/k.toml' });
    expect(text).toContain('runtime_config_path = "/etc/k.toml"');
    expect(checkText(text).findings).toEqual([]);
  });
});

describe('containerdHandler()', () => {
  it.each(CONTAINERD_LAYOUTS)('passes its check in layout %i', (layout) => {
    const text = containerdHandler('kata', '/etc/k.toml', layout);
    expect(checkText(text)).toEqual({ what: "containerd's runtime handlers", findings: [] });
    expect(text).toContain('ConfigPath = "/etc/k.toml"');
    expect(text).toContain(`version = ${layout}`);
  });
});

describe('the objects of a cluster', () => {
  it('has the class with the overhead that OpenShift counts', () => {
    const text = runtimeClass('kata');
    expect(checkText(text)).toEqual({ what: 'RuntimeClass', findings: [] });
    expect(parseYaml(text)).toEqual({
      apiVersion: 'node.k8s.io/v1',
      kind: 'RuntimeClass',
      metadata: { name: 'kata' },
      handler: 'kata',
      overhead: { podFixed: { memory: '350Mi', cpu: '250m' } },
    });
  });

  it.each([undefined, 'example.com/kata'])('has a KataConfig for the pool %s', (pool) => {
    const text = kataConfigObject('kata', pool);
    expect(checkText(text)).toEqual({ what: 'KataConfig', findings: [] });
    expect(parseYaml(text).spec.kataConfigPoolSelector).toEqual(
      pool === undefined ? undefined : { matchLabels: { [pool]: '' } },
    );
  });

  const OBJECT = {
    name: '99-x',
    role: 'kata-oc',
    configuration: { path: '/etc/kata-containers/configuration.toml', text: 'a = "ü"\n' },
    directory: '/var/cache/guest',
    builder: 'registry.example/x:1',
  };

  it('has a MachineConfig that carries the configuration, and builds the guest on the node', () => {
    const text = machineConfig(OBJECT);
    expect(checkText(text)).toEqual({ what: 'MachineConfig', findings: [] });
    const { config } = parseYaml(text).spec;
    const [file] = config.storage.files;
    expect(file).toMatchObject({ path: OBJECT.configuration.path, mode: 0o644 });
    const encoded = file.contents.source.split('base64,')[1];
    expect(Buffer.from(encoded, 'base64').toString('utf8')).toBe(OBJECT.configuration.text);
    const [unit] = config.systemd.units;
    expect(unit.contents).toMatch(
      /^ExecStart=\/usr\/bin\/podman run --rm --authfile=\/var\/lib\/kubelet\/config\.json /m,
    );
    expect(unit.contents).toContain(
      'registry.example/x:1 kata-sandbox kata-image --form initrd --output /var/cache/guest\n',
    );
  });

  it.each([
    [{ role: 'Worker Nodes' }, 'is not a name of small letters'],
    [{ configuration: { path: 'etc/x', text: '' } }, 'is not an absolute path'],
  ])('has one refused with %j', (change, reason) => {
    const findings = checkText(machineConfig({ ...OBJECT, ...change })).findings.map(({ text }) => text);
    expect(findings).toEqual([expect.stringContaining(reason)]);
  });
});
