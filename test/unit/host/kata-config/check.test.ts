import { describe, expect, it } from 'vitest';
import { checkText, verified } from '../../../../src/host/kata-config/check.ts';
import { pathText } from '../../../../src/host/kata-config/finding.ts';
import type { Shim } from '../../../../src/host/kata-config/shim.ts';

/** What a stack of CRI-O and the shim 2.2 was set up with, and below one of containerd and 3.5. */
const STACK_2_2 = `
[hypervisor.clh]
path = "/opt/vmm"
valid_hypervisor_paths = ["/opt/vmm"]
kernel = "/opt/vmlinux"
image = "/opt/kata.img"
default_vcpus = 1
default_maxvcpus = 1
default_memory = 256
shared_fs = "virtio-fs"
virtio_fs_daemon = "/opt/virtiofsd"
valid_virtio_fs_daemon_paths = ["/opt/virtiofsd"]
virtio_fs_cache = "auto"
block_device_driver = "virtio-blk"
enable_debug = true
[agent.kata]
enable_debug = true
dial_timeout = 20
[runtime]
enable_debug = true
internetworking_model = "tcfilter"
disable_guest_seccomp = true
sandbox_cgroup_only = false
`;
const STACK_3 = STACK_2_2.replace('"auto"', '"never"')
  .replace('enable_debug = true\n', 'disable_selinux = true\ndisable_guest_selinux = true\ndefault_maxmemory = 0\n')
  .concat('static_sandbox_resource_mgmt = true\nvfio_mode = "guest-kernel"\ncreate_container_timeout = 60\n');

function findings(text: string, shim?: Shim): string[] {
  return checkText(text, shim).findings.map(
    ({ line, kind, path, text: reason }) => `${line}: ${kind}: ${pathText(path)}: ${reason}`,
  );
}

/** The file with a line added to [hypervisor.clh], as its first: line 3. */
function withKey(line: string, text = STACK_3): string {
  return text.replace('[hypervisor.clh]\n', `[hypervisor.clh]\n${line}\n`);
}

describe("checkText() of Kata's configuration", () => {
  it.each([
    [STACK_2_2, '2.2'],
    [STACK_3, '3'],
  ])('has nothing against what worked, and tells whose it is', (text, shim) => {
    expect(checkText(text)).toEqual({ what: `Kata's configuration for the shim ${shim}`, findings: [] });
  });

  it.each([
    ['default_memory_slots = 1', '3: unknown: hypervisor.clh.default_memory_slots: no reader of it is known'],
    ['memory_slots = "1"', '3: wrong: hypervisor.clh.memory_slots: "1" is not a whole number from 0 to 4294967295'],
    ['memory_slots = 1.0', '3: wrong: hypervisor.clh.memory_slots: 1 is not a whole number from 0 to 4294967295'],
    ['memory_slots = -1', '3: wrong: hypervisor.clh.memory_slots: -1 is not a whole number from 0 to 4294967295'],
    ['enable_iommu = "no"', '3: wrong: hypervisor.clh.enable_iommu: "no" is not true or false'],
    [
      'block_device_aio = "fast"',
      '3: wrong: hypervisor.clh.block_device_aio: "fast" is not one of "io_uring", "native", "threads"',
    ],
    ['initrd = "/opt/initrd"', '3: wrong: hypervisor.clh.initrd: there is an image already: one of them'],
    ['pflashes = ["a", 1]', '3: wrong: hypervisor.clh.pflashes[1]: 1 is not a text'],
    [
      'virtio_fs_extra_args = ["--bogus"]',
      `3: wrong: hypervisor.clh.virtio_fs_extra_args: virtiofsd's arguments: unknown: "--bogus"`,
    ],
    ['default_bridges = 9', '3: note: hypervisor.clh.default_bridges: 9: the shim takes 5'],
  ])('names what is wrong by %j', (line, wanted) => {
    expect(findings(withKey(line), '3')).toEqual([wanted]);
  });

  it.each([
    ['rootfs_type = "xfs"', '"xfs": kata-image makes ext4 and erofs'],
    ['confidential_guest = true', 'true: the guest has no attestation'],
    ['enable_virtio_mem = true', 'true: the guest does not load the driver of virtio-mem by itself'],
    ['hot_plug_vfio = "root-port"', '"root-port": the agent hands no VFIO devices to containers'],
    ['kernel_params = "quiet agent.trace=true"', '"quiet agent.trace=true": agent.trace: the agent sends no traces'],
    ['kernel_params = "agent.bogus=1"', '"agent.bogus=1": agent.bogus: no such option of the agent is known'],
  ])('names what the agent does not serve of %j', (line, reason) => {
    const name = line.split(' ')[0];
    expect(findings(withKey(line), '3')).toEqual([`3: not-served: hypervisor.clh.${name}: ${reason}`]);
  });

  it.each([
    ['hot_plug_vfio = "no-port"'],
    ['kernel_params = "agent.log=debug agent.debug_console systemd.unified_cgroup_hierarchy=1"'],
    ['confidential_guest = false'],
    ['virtio_fs_extra_args = ["--thread-pool-size=1", "-o", "announce_submounts"]'],
    ['memory_offset = 1'],
  ])('lets %j pass', (line) => expect(findings(withKey(line), '3')).toEqual([]));

  it.each([
    ['3', '[runtime]\nexperimental = ["x"]', 'runtime.experimental[0]: "x" is not a feature that the shim knows'],
    ['3', '[factory]\nenable_template = true', 'factory.enable_template: true needs an initrd'],
    ['3', '[agent.other]\nenable_debug = true', 'unknown: agent.other'],
    ['3', '[hypervisor.xen]\npath = "x"', 'unknown: hypervisor.xen'],
    ['3', '[image]\nprovision = "x"', 'unknown: image'],
    ['2.2', '[image]\nservice_offload = true', 'not-served: image.service_offload: true: the guest pulls no images'],
    ['2.2', '[factory]\nvm_cache_number = 3', 'factory.vm_cache_number: only for qemu'],
  ] as const)('for the shim %s, names in %j what it is', (shim, section, wanted) => {
    const text = shim === '3' ? STACK_3 : STACK_2_2;
    const all = findings(
      section.startsWith('[runtime]') ? text.replace('[runtime]', section) : `${text}${section}\n`,
      shim,
    );
    expect(all.join('\n')).toContain(wanted);
  });

  it('knows what one release has and the other has not', () => {
    expect(findings(STACK_3, '2.2').filter((line) => line.includes('unknown'))).toHaveLength(6);
    expect(findings(STACK_3, '2.2').join()).toContain('"never" is not one of "none", "auto", "always"');
    expect(findings(withKey('default_vcpus = 1.5', STACK_3.replace('default_vcpus = 1\n', '')), '3')).toEqual([]);
    const older = withKey('default_vcpus = 1.5', STACK_2_2.replace('default_vcpus = 1\n', ''));
    expect(findings(older, '2.2').join()).toContain('hypervisor.clh.default_vcpus: 1.5 is not a whole number');
    const archive = STACK_2_2.replace('image = ', 'initrd = ');
    expect(findings(archive, '2.2').join()).toContain('this shim starts Cloud Hypervisor with an image only');
    expect(findings(STACK_3.replace('image = ', 'initrd = '), '3')).toEqual([]);
  });

  it('asks for what must be there', () => {
    expect(findings(STACK_3.replace(/image = .*\n/, ''), '3')).toEqual([
      '2: missing: hypervisor.clh: neither image nor initrd',
    ]);
    expect(findings(STACK_3.replace(/virtio_fs_daemon = .*\n/, ''), '3').join()).toContain(
      'virtio_fs_daemon: virtio-fs needs its path',
    );
    expect(findings('[runtime]\nenable_debug = true\n', '3')).toEqual([
      'undefined: missing: hypervisor: it must be there',
    ]);
  });

  it('tells the line of a text that is no TOML', () => {
    expect(findings('[hypervisor.clh]\npath = /opt\n')).toEqual([expect.stringMatching(/^2: wrong: : /)]);
    expect(findings('[hypervisor.clh]\npath = "a"\npath = "b"\n')).toEqual([expect.stringMatching(/^3: wrong: : /)]);
  });
});

describe('checkText() of other files', () => {
  it.each([
    [
      '[crio.runtime.runtimes.kata]\nruntime_path = "/usr/bin/containerd-shim-kata-v2"\nruntime_type = "oci"\n',
      '3: wrong: crio.runtime.runtimes.kata.runtime_type: "oci" is not one of "vm"',
    ],
    [
      '[crio.runtime.runtimes.kata]\nruntime_type = "vm"\n',
      '1: missing: crio.runtime.runtimes.kata.runtime_path: it must be there',
    ],
    [
      '[crio.runtime.runtimes.kata]\nruntime_path = "/opt/shim"\nruntime_type = "vm"\n',
      '2: wrong: crio.runtime.runtimes.kata.runtime_path: "/opt/shim" is not a path whose name begins with containerd-shim-',
    ],
    [
      '[crio.runtime.runtimes.runc]\nruntime_pth = "/usr/sbin/runc"\n',
      '2: unknown: crio.runtime.runtimes.runc.runtime_pth: no reader of it is known',
    ],
    [
      'version = 2\n[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.kata]\nruntime_type = "kata"\n',
      '3: wrong: plugins."io.containerd.grpc.v1.cri".containerd.runtimes.kata.runtime_type: "kata" is not a name like io.containerd.kata.v2, or a path',
    ],
    [
      'version = 3\n[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.kata]\nruntime_type = "io.containerd.kata.v2"\n',
      '2: missing: plugins."io.containerd.cri.v1.runtime": it must be there',
    ],
    [
      'apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata:\n  name: kata\nhandler: Kata\n',
      '5: wrong: handler: "Kata" is not a name of small letters, digits and dashes, at most 63',
    ],
    [
      'apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata:\n  name: kata\nhandler: kata\noverhead:\n  podFixed:\n    memory: 350 MB\n',
      '8: wrong: overhead.podFixed.memory: "350 MB" is not an amount like 250m or 350Mi',
    ],
    [
      'apiVersion: node.k8s.io/v1beta1\nkind: RuntimeClass\nmetadata:\n  name: kata\nhandler: kata\n',
      '1: wrong: apiVersion: "node.k8s.io/v1beta1" is not one of "node.k8s.io/v1"',
    ],
    [
      'apiVersion: kataconfiguration.openshift.io/v1\nkind: KataConfig\nmetadata:\n  name: x\nspec:\n  logLevel: loud\n  checkNodeEligibility: false\n',
      '6: wrong: spec.logLevel: "loud" is not one of "fatal", "panic", "error", "warn", "info", "debug", "trace"',
    ],
    [
      'apiVersion: kataconfiguration.openshift.io/v1\nkind: KataConfig\nmetadata:\n  name: x\nspec:\n  checkNodeEligibility: no\n',
      '6: wrong: spec.checkNodeEligibility: "no" is not true or false',
    ],
    ['apiVersion: v1\nkind: Pod\n', '1: wrong: : kind "Pod" is not one that is known'],
    ['kind: Pod\nkind: Pod\n', '2: wrong: : Map keys must be unique at line 2, column 1:'],
    ['[package]\nname = "x"\n', 'undefined: wrong: : neither of Kata, nor of CRI-O, nor of containerd'],
  ])('names what is wrong in %j', (text, wanted) => {
    expect(findings(text)).toEqual([wanted]);
  });

  it('looks at every object of a file', () => {
    const one = 'apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata:\n  name: kata\nhandler: kata\n';
    const result = checkText(`${one}---\n${one}extra: 1\n`);
    expect(result.findings).toEqual([expect.objectContaining({ line: 12, kind: 'unknown', path: ['extra'] })]);
    expect(result.what).toBe('RuntimeClass');
  });
});

describe('verified()', () => {
  it('gives back what is fit, and names what is not', () => {
    expect(verified(STACK_3, '3')).toBe(STACK_3);
    expect(() => verified(withKey('x = 1'), '3')).toThrow(
      'makes no valid file: hypervisor.clh.x: no reader of it is known',
    );
  });
});
