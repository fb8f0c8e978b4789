/** The OCI spec of a container as Kata's shim sends it: namespaces and devices are the agent's business. */
import Long from 'long';
import type { grpc } from '../../wire/generated/proto.js';
import { type TerminalSize, terminalFields } from './terminal.ts';
import type { ResolvedUser } from './user.ts';

/** What a container's first process is and sees. */
export interface ContainerSpec {
  readonly containerId: string;
  readonly args: readonly string[];
  /** `NAME=value` each. */
  readonly env: readonly string[];
  /** Absolute; made where it is missing. */
  readonly cwd: string;
  readonly user: ResolvedUser;
  /** Empty for the sandbox's own. */
  readonly hostname: string;
  /** Path of the root in the guest. */
  readonly rootPath: string;
  readonly readOnlyRoot: boolean;
  readonly volumes: readonly GuestVolume[];
  readonly terminal?: TerminalSize | undefined;
}

/** A volume as the spec names it. */
export interface GuestVolume {
  /** Path in the guest. */
  readonly source: string;
  /** Path in the container. */
  readonly destination: string;
  readonly readOnly: boolean;
}

/** Where the agent keeps the memory file system that all containers of a sandbox share as `/dev/shm`. */
export const GUEST_SHM = '/run/kata-containers/sandbox/shm';

/** Search path of a process that names none. */
export const DEFAULT_PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Capabilities of a container that asks for nothing: the set of containerd and Docker. */
const CAPABILITIES: readonly string[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_MKNOD',
  'CAP_NET_RAW',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETFCAP',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_SYS_CHROOT',
  'CAP_KILL',
  'CAP_AUDIT_WRITE',
];

/** Kernel files that tell of, or reach, more than the container. */
const MASKED_PATHS: readonly string[] = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
];

const READ_ONLY_PATHS: readonly string[] = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

/** Open files that a process may have: the limit that containerd sets. */
const OPEN_FILES = Long.fromNumber(1024, true);
/** Weight of a container that asks for none (cgroup v1's default, converted for v2). */
const CPU_SHARES = Long.fromNumber(1024, true);

const KERNEL_MOUNTS: readonly grpc.IMount[] = [
  { destination: '/proc', source: 'proc', type: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
  {
    destination: '/dev',
    source: 'tmpfs',
    type: 'tmpfs',
    options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
  },
  {
    destination: '/dev/pts',
    source: 'devpts',
    type: 'devpts',
    options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
  },
  { destination: '/dev/shm', source: GUEST_SHM, type: 'bind', options: ['rbind'] },
  { destination: '/dev/mqueue', source: 'mqueue', type: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
  { destination: '/sys', source: 'sysfs', type: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
  {
    destination: '/sys/fs/cgroup',
    source: 'cgroup',
    type: 'cgroup',
    options: ['nosuid', 'noexec', 'nodev', 'relatime', 'ro'],
  },
];

/** Builds the spec. */
export function buildSpec(container: ContainerSpec): grpc.ISpec {
  const capabilities = [...CAPABILITIES];
  return {
    Version: '1.0.2-dev',
    Process: {
      User: { UID: container.user.uid, GID: container.user.gid, AdditionalGids: [...container.user.additionalGids] },
      Args: [...container.args],
      Env: withDefaultPath(container.env),
      Cwd: container.cwd,
      Capabilities: { Bounding: capabilities, Effective: capabilities, Permitted: capabilities },
      Rlimits: [{ Type: 'RLIMIT_NOFILE', Hard: OPEN_FILES, Soft: OPEN_FILES }],
      // The machine is the wall; inside, `su` and file capabilities work as in any container.
      NoNewPrivileges: false,
      ...terminalFields(container.terminal),
    },
    Root: { Path: container.rootPath, Readonly: container.readOnlyRoot },
    Hostname: container.hostname,
    Mounts: [...KERNEL_MOUNTS, ...container.volumes.map(volumeMount)],
    Linux: {
      Resources: { CPU: { Shares: CPU_SHARES } },
      CgroupsPath: `/kata-sandbox/${container.containerId}`,
      // No pid namespace: the agent adds it. No network namespace: a container shares the machine's.
      Namespaces: [{ Type: 'ipc' }, { Type: 'uts' }, { Type: 'mount' }],
      MaskedPaths: [...MASKED_PATHS],
      ReadonlyPaths: [...READ_ONLY_PATHS],
    },
  };
}

/** Adds the search path to an environment that has none. */
export function withDefaultPath(env: readonly string[]): string[] {
  return env.some((entry) => entry.startsWith('PATH=')) ? [...env] : [DEFAULT_PATH, ...env];
}

function volumeMount({ source, destination, readOnly }: GuestVolume): grpc.IMount {
  return { destination, source, type: 'bind', options: ['rbind', 'rprivate', readOnly ? 'ro' : 'rw'] };
}
