import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../../../src/agent/log/logger.ts';
import { Reaper } from '../../../../src/agent/process/reaper.ts';
import { UeventListener } from '../../../../src/agent/process/uevents.ts';
import { FileThread } from '../../../../src/agent/storage/file-thread.ts';
import { STORAGE_DRIVERS, Storages } from '../../../../src/agent/storage/storages.ts';
import { grpc } from '../../../../src/wire/generated/proto.js';

const logger = createLogger({ write: () => {} }, 'fatal');
const reaper = new Reaper(logger);
beforeAll(() => reaper.start());
afterAll(() => reaper.stop());

let base: string;
let storages: Storages;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'storages-'));
  const uevents = new UeventListener(logger);
  storages = new Storages({ reaper, logger, uevents, config: { hotplugTimeoutMs: 20 }, files: new FileThread() });
});
afterEach(() => rmSync(base, { recursive: true }));

const storage = (more: grpc.Storage.$Properties): grpc.Storage =>
  grpc.Storage.decode(grpc.Storage.encode(more).finish());
const WATCHABLE = '/run/kata-containers/shared/containers/watchable';
const local = (name: string, options: string[] = []): grpc.Storage =>
  storage({ driver: 'local', source: 'local', fstype: 'local', mount_point: `${base}/${name}`, options });

describe('Storages', () => {
  it('makes a local one with its mode and group, once', async () => {
    const one = local('a/b', ['mode=0770', 'fsgid=77']);
    expect(await storages.acquire([one])).toEqual([one.mount_point]);
    const { mode, gid } = statSync(one.mount_point);
    expect([mode & 0o7777, gid]).toEqual([0o2770, 77]);
    writeFileSync(`${one.mount_point}/file`, '');
    // Asked for again, it is not made again: the other mode shows that.
    await storages.acquire([local('a/b', ['mode=0700'])]);
    expect(statSync(one.mount_point).mode & 0o7777).toBe(0o2770);
  });

  it('keeps the content of a local one that nobody uses', async () => {
    const one = local('kept');
    await storages.release(await storages.acquire([one]));
    expect(existsSync(one.mount_point)).toBe(true);
  });

  it('forgets a storage whose request failed, so that the next one makes it', async () => {
    const bad = storage({ driver: '9p', source: 'x', fstype: '9p', mount_point: `${base}/x` });
    await expect(storages.acquire([local('a', ['mode=0700']), bad])).rejects.toMatchObject({
      message: 'Failed to find the storage handler 9p',
      status: 13,
    });
    await expect(storages.acquire([bad])).rejects.toThrow('Failed to find the storage handler 9p');
    await storages.acquire([local('a', ['mode=0711'])]);
    expect(statSync(`${base}/a`).mode & 0o7777).toBe(0o711);
  });

  it.each([
    [{ driver: 'local', mount_point: 'rel' }, 13, 'storages.mount_point: "rel" is not absolute'],
    [{ driver: 'virtio-fs', mount_point: '/x', fstype: 'virtiofs' }, 13, 'storages.source of /x is empty'],
    [{ driver: 'ephemeral', mount_point: '/x', source: 'shm' }, 13, 'storages.fstype of /x is empty'],
    [{ driver: 'ephemeral', mount_point: '/x', source: 'n', fstype: 'hugetlbfs' }, 13, 'does not name pagesize'],
    [
      { driver: 'ephemeral', mount_point: '/x', source: 'n', fstype: 'ramfs' },
      13,
      '"ramfs" of /x is no kind of memory',
    ],
    [{ driver: 'bind', mount_point: '/x', source: '/', fstype: 'bind', fs_group: { group_id: 1 } }, 12, 'fs_group'],
    [{ driver: 'local', mount_point: '/x', options: ['mode=rwx'] }, 13, 'mode=rwx'],
    [{ driver: 'blk', mount_point: '/x', fstype: 'ext4' }, 13, 'storages.source of /x is empty'],
    [{ driver: 'blk', mount_point: '/x', fstype: 'ext4', source: 'vda' }, 13, '"vda" is no PCI path'],
    [{ driver: 'scsi', mount_point: '/x', fstype: 'ext4', source: '0' }, 13, '"0" is no SCSI address'],
    [{ driver: 'blk', mount_point: '/x', fstype: 'ext4', source: '1f', options: ['loop'] }, 13, '"loop"'],
    [
      { driver: 'blk', mount_point: '/x', fstype: 'ext4', source: '1f/1f' },
      13,
      'Timeout after 0.02s waiting for uevent',
    ],
    [{ driver: 'mmioblk', mount_point: '/x', fstype: 'ext4', source: '/dev/none' }, 13, 'Timeout after 0.02s'],
    [
      { driver: 'blk', mount_point: '/x', fstype: 'ext4', source: '02', driver_options: ['encryption_key=ephemeral'] },
      12,
      'encryption_key',
    ],
    [
      {
        driver: 'overlayfs',
        mount_point: '/x',
        source: 'x',
        fstype: 'x',
        options: ['io.katacontainers.fs-opt.overlay-rw'],
      },
      13,
      'needs a container',
    ],
    [{ driver: 'watchable-bind', mount_point: '/x', source: '/y' }, 13, 'is not in /run/kata-containers/shared'],
    [{ driver: 'watchable-bind', mount_point: `${WATCHABLE}/a/b`, source: '/y' }, 13, 'is not in'],
    [{ driver: 'watchable-bind', mount_point: `${WATCHABLE}/..`, source: '/y' }, 13, 'is not in'],
    [{ driver: 'watchable-bind', mount_point: `${WATCHABLE}/a`, source: 'y' }, 13, '"y" is not absolute'],
  ])('refuses %j', async (given, status, text) => {
    const refused = storages.acquire([storage(given)]);
    await expect(refused).rejects.toMatchObject({ status });
    await expect(refused).rejects.toThrow(text);
  });

  it('names its drivers', () => {
    expect([...STORAGE_DRIVERS].toSorted()).toEqual([
      'bind',
      'blk',
      'ephemeral',
      'local',
      'mmioblk',
      'nvdimm',
      'overlayfs',
      'scsi',
      'virtio-fs',
      'watchable-bind',
    ]);
  });

  it.each([
    [{ driver: 'local', mount_point: '/x', options: ['remount'] }, 'storages.driver: "local" of /x is not ephemeral'],
    [{ driver: 'ephemeral', mount_point: 'x', options: ['remount'] }, '"x" is not absolute'],
  ])('changes no %j', async (given, text) => {
    await expect(storages.update([storage(given)])).rejects.toThrow(text);
  });
});
