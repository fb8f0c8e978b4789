/** Storages, volumes and copied files of an agent that runs, in a mount namespace of its own. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Long from 'long';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { grpc } from '../../../../src/wire/generated/proto.js';
import { LiveAgent } from './live-agent.ts';

const BASE = '/run/kata-containers';
const SHARED = `${BASE}/shared/containers`;

describe('an agent with storages', () => {
  let live: LiveAgent;
  let host: string;
  beforeAll(async () => {
    host = mkdtempSync(join(tmpdir(), 'live-storage-'));
    live = await LiveAgent.start('hotplug_timeout = { secs = 1, nanos = 0 }');
    await live.client.agent.CreateSandbox({ sandbox_id: 'sandbox' });
  });
  afterAll(async () => {
    await live.stop();
    rmSync(host, { recursive: true });
  });

  /** A line of the shell where the agent lives. */
  const there = (script: string): string => {
    const result = spawnSync('nsenter', ['-m', '-t', String(live.agentPid()), 'sh', '-c', script], {
      encoding: 'utf8',
    });
    return `${result.stdout}${result.stderr}`.trim();
  };
  // The sandboxes of other programs on this machine are none of ours.
  const mounts = (): string => there(`grep ${BASE} /proc/self/mounts | grep -v ${BASE}/shared/sandboxes || :`);
  const create = (id: string, storages: grpc.Storage.$Properties[], script = 'true', more = {}) =>
    live.client.agent.CreateContainer({ ...live.request(id, script, more), storages });
  const bound = (name: string, source = host): grpc.Storage.$Properties => ({
    driver: 'bind',
    source,
    fstype: 'bind',
    mount_point: `${BASE}/storage/${name}`,
  });

  it('undoes all of a request whose third storage fails, and takes the same request then', async () => {
    const { agent } = live.client;
    await create('holder', [bound('held')]);
    const before = mounts();
    const late = join(host, 'late');
    const storages = [bound('held'), bound('second'), bound('third', late)];
    await expect(create('victim', storages)).rejects.toMatchObject({ status: 13 });
    expect(mounts()).toBe(before);
    expect(there(`ls ${BASE}/storage`)).toBe('held');
    mkdirSync(late);
    await create('victim', storages);
    expect(
      mounts()
        .match(/storage\/\w+/g)
        ?.toSorted(),
    ).toEqual(['storage/held', 'storage/second', 'storage/third']);
    // The one that both have stays for the one that is left.
    await agent.RemoveContainer({ container_id: 'victim' });
    expect(mounts()).toBe(before);
    await agent.RemoveContainer({ container_id: 'holder' });
    expect(mounts()).toBe('');
    expect(there(`ls ${BASE}/storage`)).toBe('');
  });

  it('undoes them where a device does not come', async () => {
    const devices = [{ type: 'blk', id: '1f/1f', container_path: '/dev/xvda' }];
    const request = live.request('no-device', 'true');
    const linux = { ...request.OCI?.Linux, Devices: [{ Path: '/dev/xvda', Type: 'b', Major: Long.fromNumber(8) }] };
    const failing = { ...request, devices, storages: [bound('x')], OCI: { ...request.OCI, Linux: linux } };
    await expect(live.client.agent.CreateContainer(failing)).rejects.toMatchObject({
      status: 13,
      message: 'Timeout after 1s waiting for uevent of the disk at PCI path 1f/1f',
    });
    expect(mounts()).toBe('');
    const disk = { driver: 'scsi', source: '0:255', fstype: 'ext4', mount_point: `${BASE}/storage/y` };
    await expect(create('no-disk', [bound('x'), disk])).rejects.toMatchObject({ status: 13 });
    expect(mounts()).toBe('');
  });

  it('gives a container layers, with one of its own to write to', async () => {
    const lower = join(host, 'lower');
    mkdirSync(lower);
    writeFileSync(join(lower, 'file'), 'below');
    const layers = {
      driver: 'overlayfs',
      source: 'overlay',
      fstype: 'ignored',
      options: [`lowerdir=${lower}`, 'io.katacontainers.fs-opt.overlay-rw', 'io.katacontainers.fs-opt.layer=x'],
      driver_options: [`io.katacontainers.volume.overlayfs.create_directory=${BASE}/made/for/it`],
      mount_point: `${SHARED}/layered`,
    };
    const mount = { destination: '/tmp', source: `${SHARED}/layered`, type: 'bind', options: ['rbind'] };
    await create('layered', [layers], 'cat /tmp/file; echo x > /tmp/new; ls /tmp', { mounts: [mount] });
    await live.client.agent.StartContainer({ container_id: 'layered' });
    const { code, out } = await live.finish('layered', 'layered');
    expect([code, out.toString()]).toEqual([0, 'belowfile\nnew\n']);
    expect(there(`cat ${BASE}/layered/upper/new; ls -d ${BASE}/made/for/it; ls ${lower}`)).toBe(
      `x\n${BASE}/made/for/it\nfile`,
    );
    await live.client.agent.RemoveContainer({ container_id: 'layered' });
    expect(mounts()).toBe('');
  });

  it('keeps copies of settings in memory as long as a container uses them', async () => {
    const source = join(host, 'settings');
    mkdirSync(join(source, '..1'), { recursive: true });
    writeFileSync(join(source, '..1/key'), 'one');
    symlinkSync('..1', join(source, '..data'));
    symlinkSync('..data/key', join(source, 'key'));
    const target = `${SHARED}/watchable/c-settings`;
    const storage = { driver: 'watchable-bind', source, fstype: 'bind', mount_point: target };
    await create('one', [storage]);
    await create('two', [storage]);
    expect(there(`cat ${target}/key`)).toBe('one');
    writeFileSync(join(source, '..1/key'), 'two');
    while (there(`cat ${target}/key`) !== 'two') await new Promise((resolve) => setTimeout(resolve, 100));
    await live.client.agent.RemoveContainer({ container_id: 'one' });
    expect(there(`cat ${target}/key`)).toBe('two');
    await live.client.agent.RemoveContainer({ container_id: 'two' });
    expect(there(`ls ${SHARED}/watchable`)).toBe('');
  });

  it('binds what is too large to be copied', async () => {
    const source = join(host, 'large');
    mkdirSync(source);
    for (let index = 0; index < 20; index += 1) writeFileSync(join(source, `f${index}`), '');
    const target = `${SHARED}/watchable/c-large`;
    await create('large', [{ driver: 'watchable-bind', source, fstype: 'bind', mount_point: target }]);
    writeFileSync(join(source, 'seen'), 'at once');
    expect(there(`cat ${target}/seen`)).toBe('at once');
    await live.client.agent.RemoveContainer({ container_id: 'large' });
    expect(mounts()).not.toContain('c-large');
    expect(there(`ls ${SHARED}/watchable; cat ${source}/seen`)).toBe('at once');
  });

  it('changes memory that is mounted, and keeps what was not named', async () => {
    const { agent } = live.client;
    const target = `${BASE}/sandbox/ephemeral/memory`;
    const memory = { driver: 'ephemeral', source: 'tmpfs', fstype: 'tmpfs', mount_point: target };
    await create('memory', [{ ...memory, options: ['nosuid', 'noexec', 'size=1M'] }]);
    await agent.UpdateEphemeralMounts({ storages: [{ ...memory, options: ['remount', 'size=2M', 'fsgid=5'] }] });
    const { usage } = await agent.GetVolumeStats({ volume_guest_path: target });
    expect(usage.map(({ unit, total }) => [unit, Number(total)])).toEqual([
      [1, 2 * 1024 * 1024],
      [2, expect.any(Number)],
    ]);
    expect(there(`grep ${target} /proc/self/mounts`)).toContain('nosuid,noexec');
    await agent.UpdateEphemeralMounts({ storages: [] });
    await agent.UpdateEphemeralMounts({ storages: [{ ...memory, mount_point: `${BASE}/nothing` }] });
    const remount = { ...memory, mount_point: `${BASE}/nothing`, options: ['remount', 'size=1M'] };
    await expect(agent.UpdateEphemeralMounts({ storages: [remount] })).rejects.toMatchObject({ status: 13 });
    await expect(agent.UpdateEphemeralMounts({ storages: [bound('x')] })).rejects.toMatchObject({ status: 13 });
    await agent.RemoveContainer({ container_id: 'memory' });
    expect(there(`grep -c ${target} /proc/self/mounts`)).toBe('1');
  });

  it('tells how full a volume is, to the byte', async () => {
    const { agent } = live.client;
    const target = `${BASE}/measured`;
    there(`mkdir ${target}; mount -t tmpfs -o size=64k,nr_inodes=10 x ${target}; head -c 5000 /dev/zero > ${target}/f`);
    const { usage, volume_condition: condition } = await agent.GetVolumeStats({ volume_guest_path: `${target}/f` });
    expect(usage.map(({ unit, total, available, used }) => [unit, ...[total, available, used].map(Number)])).toEqual([
      [1, 65_536, 65_536 - 8_192, 8_192],
      [2, 10, 8, 2],
    ]);
    expect(condition).toMatchObject({ abnormal: false, message: 'OK' });
    for (const path of ['', 'x', `${target}/absent`]) {
      await expect(agent.GetVolumeStats({ volume_guest_path: path })).rejects.toMatchObject({ status: 13 });
    }
    await expect(agent.ResizeVolume({ volume_guest_path: target })).rejects.toMatchObject({ status: 12 });
    there(`umount ${target}`);
  });

  it('takes files of the host, and nothing outside of the share', async () => {
    const { agent } = live.client;
    const path = `${SHARED}/sandbox-x/dir/file`;
    const parts = [Buffer.alloc(1 << 20, 'a'), Buffer.alloc(1 << 20, 'b'), Buffer.from('end')];
    const size = parts.reduce((sum, { length }) => sum + length, 0);
    let offset = 0;
    for (const data of parts) {
      expect(there(`cat ${path} 2>/dev/null | wc -c`)).toBe('0');
      await agent.CopyFile({
        path,
        file_size: Long.fromNumber(size),
        file_mode: 0o100604,
        dir_mode: 0x800001e8,
        uid: 3,
        gid: 4,
        offset: Long.fromNumber(offset),
        data,
      });
      offset += data.length;
    }
    expect(there(`stat -c '%s %a %u %g' ${path}; tail -c 4 ${path}; stat -c ' %a %u %g' ${SHARED}/sandbox-x/dir`)).toBe(
      `${size} 604 3 4\nbend 750 3 4`,
    );
    const link = { path: `${SHARED}/sandbox-x/link`, file_mode: 0o120777, dir_mode: 0o755, data: Buffer.from('/run') };
    await agent.CopyFile(link);
    await agent.CopyFile({ ...link, path: `${SHARED}/sandbox-x/d`, file_mode: 0o040711 });
    expect(there(`readlink ${link.path}; stat -c %a ${SHARED}/sandbox-x/d`)).toBe('/run\n711');
    for (const bad of ['/etc/x', `${SHARED}/../x`, `${SHARED}/sandbox-x/link/evil`]) {
      await expect(agent.CopyFile({ ...link, path: bad })).rejects.toMatchObject({ status: 13 });
    }
    expect(there('ls /run/evil /etc/x 2>/dev/null')).toBe('');
  });

  it('has the share looked at', async () => {
    await live.client.agent.RemoveStaleVirtiofsShareMounts({});
    there(`mkdir -p ${SHARED}/stale; mount -t tmpfs x ${SHARED}/stale`);
    expect(await live.client.agent.RemoveStaleVirtiofsShareMounts({})).toEqual({});
  });
});
