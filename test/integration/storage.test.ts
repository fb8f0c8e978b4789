/** Disks that are plugged in while the machine runs: volumes and devices of containers, by virtio-blk and virtio-scsi. */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Long from 'long';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { buildSpec } from '../../src/host/oci-spec/spec.ts';
import { RUN_ROOT, SHARE_ROOT } from '../../src/host/paths.ts';
import { QmpClient } from '../../src/host/qemu/qmp.ts';
import { Sandbox } from '../../src/host/sandbox.ts';
import type { grpc } from '../../src/wire/generated/proto.js';
import { leftoversOf } from './support/leftovers.ts';

const ID = 'test-storage';
const GUEST = '/run/kata-containers/sandbox/storage';
const DISK_BYTES = 16 * 1024 * 1024;
const APPLETS = ['sh', 'cat', 'ls', 'dd', 'stat', 'mknod', 'grep', 'sleep', 'true'];
/** A port for one device each, and an adapter for many disks. */
const PORTS = [1, 2, 3, 4].flatMap((port) => [
  '-device',
  `pcie-root-port,id=port${port},chassis=${port},slot=${port},bus=pcie.0,addr=1${port}.0`,
]);

interface Disk {
  readonly name: string;
  /** Arguments of device_add beside the drive. */
  readonly device: Readonly<Record<string, unknown>>;
}

describe('storages of a running machine', () => {
  let sandbox: Sandbox;
  let qmp: QmpClient;
  let directory = '';
  const containers: string[] = [];

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'disks-'));
    sandbox = await Sandbox.boot({
      id: ID,
      qemuArguments: [...PORTS, '-device', 'virtio-scsi-pci,id=scsi0,bus=pcie.0,addr=10.0'],
      // Emulated, and beside other work, a device takes longer than the three seconds that are the rule.
      kernelParameters: ['agent.hotplug_timeout=20'],
    });
    qmp = await QmpClient.connect(join(RUN_ROOT, ID, 'qmp.sock'));
    await plug(disk('root', { driver: 'virtio-blk-pci', bus: 'port1' }), rootTree());
  });
  afterEach(async () => {
    for (const id of containers.splice(0)) await sandbox.calls.agent.RemoveContainer({ container_id: id });
  });
  afterAll(async () => {
    qmp.close();
    await sandbox.stop();
    rmSync(directory, { recursive: true });
    expect(leftoversOf(ID)).toEqual([]);
  });

  const disk = (name: string, device: Disk['device']): Disk => ({ name, device });
  const scsiDisk = (name: string, id: number, lun: number): Disk =>
    disk(name, { driver: 'scsi-hd', bus: 'scsi0.0', 'scsi-id': id, lun });

  /** Files of a small root. */
  function rootTree(): string {
    const tree = join(directory, 'tree');
    for (const name of ['bin', 'dev', 'proc', 'sys', 'mnt']) mkdirSync(join(tree, 'rootfs', name), { recursive: true });
    copyFileSync('/usr/bin/busybox', join(tree, 'rootfs/bin/busybox'));
    for (const name of APPLETS) symlinkSync('busybox', join(tree, 'rootfs/bin', name));
    return tree;
  }

  /** Makes an image, with an ext4 of the files in `tree` where there is one. */
  function image({ name }: Disk, tree?: string): string {
    const path = join(directory, `${name}.img`);
    writeFileSync(path, '');
    truncateSync(path, DISK_BYTES);
    if (tree === undefined) writeFileSync(path, `raw disk ${name}\n`, { flag: 'r+' });
    else expect(spawnSync('mkfs.ext4', ['-q', '-d', tree, path]).status).toBe(0);
    return path;
  }

  async function plug(which: Disk, tree?: string): Promise<void> {
    const { name, device } = which;
    const file = { driver: 'file', filename: image(which, tree) };
    await qmp.execute('blockdev-add', { driver: 'raw', 'node-name': `disk-${name}`, file });
    await qmp.execute('device_add', { id: `device-${name}`, drive: `disk-${name}`, ...device });
  }

  /** A volume with one file. */
  async function plugVolume(which: Disk): Promise<void> {
    const tree = join(directory, `files-${which.name}`);
    mkdirSync(join(tree, 'dir'), { recursive: true });
    writeFileSync(join(tree, 'dir/file'), `on ${which.name}\n`);
    await plug(which, tree);
  }

  const volume = (driver: string, source: string, more: grpc.Storage.$Properties = {}): grpc.Storage.$Properties => ({
    driver,
    source,
    fstype: 'ext4',
    mount_point: `${GUEST}/${driver}-${source.replaceAll('/', '-')}`,
    ...more,
  });
  const root = volume('blk', '11/00');

  /** The request as a shim makes it for a container whose root and volumes are disks. */
  function request(id: string, script: string, storages: readonly grpc.Storage.$Properties[]) {
    const spec = buildSpec({
      containerId: id,
      args: ['/bin/sh', '-c', script],
      env: [],
      cwd: '/',
      user: { uid: 0, gid: 0, additionalGids: [] },
      hostname: '',
      rootPath: `${root.mount_point}/rootfs`,
      readOnlyRoot: false,
      volumes: storages.map(({ mount_point: source = '' }, index) => ({
        source: source ?? '',
        destination: `/mnt/${index}`,
        readOnly: false,
      })),
    });
    return { container_id: id, exec_id: id, OCI: spec, storages: [root, ...storages] };
  }

  async function run(given: grpc.CreateContainerRequest.$Properties): Promise<string> {
    const { agent } = sandbox.calls;
    const id = given.container_id ?? '';
    await agent.CreateContainer(given);
    containers.push(id);
    await agent.StartContainer({ container_id: id });
    const read = async (method: 'ReadStdout' | 'ReadStderr'): Promise<string> => {
      let text = '';
      for (;;) {
        const { data } = await agent[method]({ container_id: id, exec_id: id, len: 32_768 });
        if (data.length === 0) return text;
        text += Buffer.from(data).toString();
      }
    };
    const [out, err] = await Promise.all([read('ReadStdout'), read('ReadStderr')]);
    const { status } = await agent.WaitProcess({ container_id: id, exec_id: id });
    return `${out}${err}${status === 0 ? '' : `status ${status}`}`;
  }

  it('are the root and the volumes of a container, at their group, and are let go of with it', async () => {
    await plugVolume(disk('blk', { driver: 'virtio-blk-pci', bus: 'port2' }));
    await plugVolume(scsiDisk('scsi', 3, 5));
    const group = { group_id: 77 };
    const storages = [volume('blk', '12/00', { fs_group: group }), volume('scsi', '3:5', { options: ['ro'] })];
    const script =
      'cat /mnt/*/dir/file; stat -c "%g %a" /mnt/0/dir /mnt/0/dir/file; echo x > /mnt/1/new; ls /mnt/1/new';
    const output = await run(request('both', script, storages));
    expect(output).toContain('on blk\non scsi\n77 2775\n77 664\n');
    expect(output).toMatch(/Read-only file system/);
    const { usage } = await sandbox.calls.agent.GetVolumeStats({ volume_guest_path: storages[0]?.mount_point ?? '' });
    const bytes = usage.find(({ unit }) => unit === 1);
    expect(bytes?.total.toNumber()).toBeGreaterThan(DISK_BYTES / 2);
    expect(bytes?.total.toNumber()).toBeLessThan(DISK_BYTES);
    await sandbox.calls.agent.RemoveContainer({ container_id: containers.pop() ?? '' });
    await expect(
      sandbox.calls.agent.GetVolumeStats({ volume_guest_path: storages[0]?.mount_point ?? '' }),
    ).rejects.toMatchObject({ status: 13 });
  });

  it('are waited for when they come late', async () => {
    const late = scsiDisk('late', 0, 300);
    const running = run(request('late', 'cat /mnt/0/dir/file', [volume('scsi', '0:300')]));
    await sleep(1_500);
    await plugVolume(late);
    expect(await running).toBe('on late\n');
  });

  it('undo a request whose third storage does not come, and serve the same request when it has', async () => {
    const storages = [volume('blk', '13/00'), volume('scsi', '9:9')];
    await plugVolume(disk('second', { driver: 'virtio-blk-pci', bus: 'port3' }));
    const given = request('again', 'cat /mnt/*/dir/file', storages);
    await expect(sandbox.calls.agent.CreateContainer(given)).rejects.toMatchObject({
      status: 13,
      message: 'Timeout after 20s waiting for uevent of the disk at SCSI address 9:9',
    });
    for (const { mount_point: path } of [root, ...storages]) {
      await expect(sandbox.calls.agent.GetVolumeStats({ volume_guest_path: path ?? '' })).rejects.toMatchObject({
        status: 13,
      });
    }
    await plugVolume(scsiDisk('third', 9, 9));
    expect(await run(given)).toBe('on second\non third\n');
  });

  it("are devices of a container under the guest's numbers, and no other disk is", async () => {
    await plug(scsiDisk('device', 4, 0));
    const given = request(
      'device',
      'dd if=/dev/xvda bs=17 count=1 2>/dev/null; mknod /dev/other b 254 0 || mknod /dev/other b 253 0; cat /dev/other',
      [],
    );
    const linux = given.OCI.Linux;
    const node = {
      Path: '/dev/xvda',
      Type: 'b',
      Major: Long.fromNumber(8),
      Minor: Long.fromNumber(144),
      FileMode: 0o600,
    };
    const output = await run({
      ...given,
      OCI: { ...given.OCI, Linux: { ...linux, Devices: [node] } },
      devices: [{ type: 'scsi', id: '4:0', vm_path: '', container_path: '/dev/xvda' }],
    });
    expect(output).toContain('raw disk device\n');
    expect(output).toMatch(/open '\/dev\/other': Operation not permitted/);
  });

  it('get a file system where the request asks for one', async () => {
    await plug(scsiDisk('blank', 5, 0));
    const storage = volume('scsi', '5:0', { driver_options: ['create_filesystem'] });
    expect(await run(request('blank', 'ls /mnt/0; echo x > /mnt/0/f && cat /mnt/0/f', [storage]))).toBe(
      'lost+found\nx\n',
    );
  });

  it('include copies of settings on the share, in which changes of the host are seen', async () => {
    const share = join(SHARE_ROOT, ID, 'mounts');
    const settings = join(share, 'c-settings');
    // The host makes the place of the copies, since the guest may not write to the share.
    mkdirSync(join(share, 'watchable'));
    mkdirSync(settings);
    writeFileSync(join(settings, 'key'), 'one');
    const shared = '/run/kata-containers/shared/containers';
    const watchable = { driver: 'watchable-bind', source: `${shared}/c-settings`, fstype: 'bind' };
    const storage = { ...watchable, mount_point: `${shared}/watchable/c-settings` };
    const script = 'cat /mnt/0/key; while ! grep -q two /mnt/0/key; do sleep 0.1; done; cat /mnt/0/key';
    const running = run(request('settings', script, [storage]));
    await sleep(3_000);
    writeFileSync(join(settings, 'new'), 'two');
    renameSync(join(settings, 'new'), join(settings, 'key'));
    expect(await running).toBe('onetwo');
    await sandbox.calls.agent.RemoveStaleVirtiofsShareMounts({});
    rmSync(settings, { recursive: true });
    rmdirSync(join(share, 'watchable'));
  });
});
