import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const MAIN = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));

describe('kata-sandbox kata-config', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'kata-config-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const run = (...args: string[]) =>
    spawnSync(process.execPath, ['--no-warnings', MAIN, 'kata-config', ...args], { encoding: 'utf8', cwd: directory });

  it('writes every kind, each of which passes its own check', () => {
    expect(run('all', '-o', 'out', '--builder', 'registry.example/x:1')).toMatchObject({ status: 0, stderr: '' });
    const names = readdirSync(join(directory, 'out'));
    expect(names.toSorted()).toEqual([
      '50-kata',
      'configuration.toml',
      'containerd-kata.toml',
      'kataconfig.yaml',
      'machineconfig.yaml',
      'runtimeclass.yaml',
    ]);
    const { status, stdout } = run('--check', ...names.map((name) => join('out', name)));
    expect(status).toBe(0);
    expect(stdout.trimEnd().split('\n')).toEqual(
      names.map((name) => expect.stringMatching(`^out/${name}: .*: all served$`)),
    );
  });

  it('gives a node of OpenShift its own paths, and any other machine ours', () => {
    const node = run('machineconfig', '--builder', 'registry.example/x:1').stdout;
    const source = /base64,(\S+)/.exec(node)?.[1] ?? '';
    const configuration = Buffer.from(source, 'base64').toString('utf8');
    expect(configuration).toContain('[hypervisor.qemu]\npath = "/usr/libexec/qemu-kvm"');
    expect(configuration).toContain('initrd = "/var/cache/kata-containers/kata-agent-ts/kata-containers-initrd.img"');
    expect(run('configuration').stdout).toMatch(/^\[hypervisor\.clh\]\npath = ".*\/src\/cli\/bin\/kata-vmm"\n/);
  });

  it.each([
    [['configuration', '--vmm', 'qemu', '--shim', '2.2'], 'initrd = '],
    [['configuration', '--vmm', 'clh', '--shim', '2.2'], 'image = '],
    [['configuration', '--vmm', 'kata-vmm', '--memory', '640'], 'default_memory = 640'],
    [['crio', '--shim', '2.2'], 'runtime_root = "/run/vc"\nprivileged'],
    [['crio'], 'runtime_config_path = "/etc/kata-containers/configuration.toml"'],
    [['containerd', '--containerd', '3'], '[plugins."io.containerd.cri.v1.runtime"'],
    [['kataconfig', '--pool', 'example.com/kata'], 'example.com/kata: ""'],
  ])('with %j writes %j', (args, text) => expect(run(...args).stdout).toContain(text));

  it('writes nothing where what was asked for is not valid', () => {
    const { status, stderr } = run('configuration', '--shim', '2.2', '--vmm', 'clh', '--guest', 'initrd', '-o', 'x');
    expect(status).toBe(125);
    expect(stderr).toContain('hypervisor.clh.initrd: this shim starts Cloud Hypervisor with an image only');
    expect(existsSync(join(directory, 'x'))).toBe(false);
  });

  it.each([
    [[], 'give a kind of file, or --check FILE'],
    [['nosuch'], 'It must be one of configuration'],
    [['machineconfig'], 'machineconfig needs --builder IMAGE'],
    [['containerd', '--containerd', '4'], 'It must be 2 or 3'],
  ])('refuses %j', (args, message) => {
    const { status, stderr } = run(...args);
    expect(stderr).toContain(message);
    expect(status).toBe(125);
  });

  it('says with the line what is wrong, and ends with 1', () => {
    run('configuration', '-o', 'good.toml');
    const good = readFileSync(join(directory, 'good.toml'), 'utf8');
    writeFileSync(join(directory, 'bad.toml'), good.replace('default_vcpus = 1', 'default_vcpus = "one"'));
    const { status, stdout } = run('--check', 'bad.toml');
    expect(stdout).toMatch(
      /^bad.toml: Kata's configuration for the shim 3: 1 wrong\nbad.toml:\d+: wrong: hypervisor.clh.default_vcpus: "one"/,
    );
    expect(status).toBe(1);
  });

  it('ends with 0 where something is only not served', () => {
    run('configuration', '-o', 'c.toml');
    const text = readFileSync(join(directory, 'c.toml'), 'utf8');
    writeFileSync(join(directory, 'c.toml'), text.replace('rootfs_type = "ext4"', 'rootfs_type = "xfs"'));
    const { status, stdout } = run('--check', 'c.toml');
    expect(stdout).toContain('1 not-served');
    expect(status).toBe(0);
  });

  it('looks for the files that are named, where it is asked to', () => {
    for (const name of ['vmm', 'virtiofsd', 'vmlinux']) writeFileSync(join(directory, name), 'x');
    writeFileSync(join(directory, 'kata-containers.img'), '');
    run(
      'configuration',
      '--directory',
      directory,
      '--vmm-path',
      join(directory, 'vmm'),
      '--virtiofsd',
      '/nowhere',
      '-o',
      'c.toml',
    );
    const { status, stdout } = run('--check', 'c.toml', '--files');
    expect(status).toBe(1);
    expect(stdout).toContain('kata-containers.img" is empty');
    expect(stdout).toContain('"/nowhere" is not there');
    expect(stdout).toContain('2 wrong');
  });
});
