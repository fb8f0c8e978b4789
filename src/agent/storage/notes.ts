/** What docs/rpc.md says of each storage driver; `npm run docs` writes the page, and refuses where a driver has no line. */

/** A driver in words. */
interface DriverNote {
  /** What is mounted. */
  readonly is: string;
  /** What a request gives as its source. */
  readonly source: string;
}

const NODE = 'its node';

/** By the driver's name, in the order of the page. */
export const DRIVER_NOTES: ReadonlyMap<string, DriverNote> = new Map([
  ['virtio-fs', { is: "the host's share", source: 'its tag' }],
  ['blk', { is: 'a virtio disk', source: 'PCI path (`02`, `02/03`, `02/03.1`), or its node' }],
  ['scsi', { is: 'a SCSI disk', source: '`id:lun`' }],
  ['mmioblk', { is: 'a virtio disk without PCI', source: NODE }],
  ['nvdimm', { is: 'persistent memory', source: NODE }],
  [
    'overlayfs',
    {
      is: "layers; with `io.katacontainers.fs-opt.overlay-rw` also one of the container's own, in memory",
      source: '-',
    },
  ],
  ['ephemeral', { is: 'memory: `tmpfs`, or `hugetlbfs` with `pagesize=BYTES,size=BYTES`', source: '-' }],
  ['local', { is: 'a directory of the guest', source: '-' }],
  ['bind', { is: 'another place of the guest', source: 'its path' }],
  [
    'watchable-bind',
    {
      is: 'a copy of up to 16 files, directories and links and 1 MiB, looked at every 2 s; what is larger is bound',
      source: 'its path',
    },
  ],
]);
