/** What Kata's shim asks of the keys of its configuration together. */
import { KataError } from '../../wire/error.ts';
import { parseFsArguments } from '../kata-virtiofsd/arguments.ts';
import type { Finding, Path } from './finding.ts';
import { isRecord } from './shape.ts';
import type { Shim } from './shim.ts';

type Table = Readonly<Record<string, unknown>>;

/** Hypervisors whose share is a daemon's; firecracker has none, and remote ones have their own. */
const SHARING: ReadonlySet<string> = new Set(['qemu', 'clh', 'stratovirt']);

/** Findings of the rules, for a file whose shape was looked at already. */
export function configurationRules(value: unknown, shim: Shim): Finding[] {
  if (!isRecord(value)) return [];
  const hypervisors = tables(value['hypervisor']);
  const runtime = isRecord(value['runtime']) ? value['runtime'] : {};
  const factory = isRecord(value['factory']) ? value['factory'] : {};
  const findings = hypervisors.flatMap(([name, table]) => hypervisorRules(name, table, factory, shim));
  if (hypervisors.length > 1) {
    findings.push(
      wrong(['hypervisor'], `${hypervisors.map(([name]) => name).join(' and ')}: the shim takes any of them`),
    );
  }
  if (runtime['disable_new_netns'] === true && runtime['internetworking_model'] !== 'none') {
    findings.push(wrong(['runtime', 'disable_new_netns'], 'true needs internetworking_model = "none"'));
  }
  return findings;
}

function tables(value: unknown): [string, Table][] {
  if (!isRecord(value)) return [];
  return Object.entries(value).flatMap(([name, table]): [string, Table][] => (isRecord(table) ? [[name, table]] : []));
}

function hypervisorRules(name: string, table: Table, factory: Table, shim: Shim): Finding[] {
  const at = ['hypervisor', name];
  const findings: Finding[] = [];
  const has = (key: string): boolean => typeof table[key] === 'string' && table[key] !== '';
  if (name !== 'remote') {
    if (has('image') && has('initrd'))
      findings.push(wrong([...at, 'initrd'], 'there is an image already: one of them'));
    if (!has('image') && !has('initrd')) findings.push({ kind: 'missing', path: at, text: 'neither image nor initrd' });
    if (!has('kernel')) findings.push(note([...at, 'kernel'], 'without it the shim takes the one of its own package'));
  }
  if (shim === '2.2' && name === 'clh' && has('initrd')) {
    findings.push(wrong([...at, 'initrd'], 'this shim starts Cloud Hypervisor with an image only'));
  }
  findings.push(...shareRules(name, table, at, shim));
  if (factory['enable_template'] === true && !has('initrd')) {
    findings.push(wrong(['factory', 'enable_template'], 'true needs an initrd'));
  }
  if (typeof factory['vm_cache_number'] === 'bigint' && factory['vm_cache_number'] > 0n && name !== 'qemu') {
    findings.push(wrong(['factory', 'vm_cache_number'], 'only for qemu'));
  }
  return [...findings, ...portRules(name, table, at)];
}

function shareRules(name: string, table: Table, at: Path, shim: Shim): Finding[] {
  if (!SHARING.has(name)) return [];
  // 2.2's Cloud Hypervisor knows no other; its QEMU has 9p where nothing is said, and later ones virtio-fs.
  const silent = shim === '2.2' && name === 'qemu' ? 'virtio-9p' : 'virtio-fs';
  const share = table['shared_fs'] ?? silent;
  const findings: Finding[] = [];
  if (table['shared_fs'] === undefined && silent === 'virtio-9p') {
    findings.push({
      kind: 'not-served',
      path: [...at, 'shared_fs'],
      text: 'not set, which is virtio-9p: the agent has no 9p',
    });
  }
  if (name === 'clh' && share === 'virtio-9p') {
    findings.push(wrong([...at, 'shared_fs'], '"virtio-9p" is not for Cloud Hypervisor'));
  }
  const daemon = table['virtio_fs_daemon'];
  if (typeof share === 'string' && share.startsWith('virtio-fs') && (typeof daemon !== 'string' || daemon === '')) {
    findings.push({ kind: 'missing', path: [...at, 'virtio_fs_daemon'], text: `${share} needs its path` });
  }
  return [...findings, ...extraArgumentRules(table['virtio_fs_extra_args'], at)];
}

/** The shim hands them on as they are, and a daemon that does not know one ends before the machine starts. */
function extraArgumentRules(args: unknown, at: Path): Finding[] {
  if (!Array.isArray(args) || !args.every((word): word is string => typeof word === 'string')) return [];
  try {
    parseFsArguments(['--shared-dir=/', '--fd=3', ...args]);
    return [];
  } catch (error) {
    return [wrong([...at, 'virtio_fs_extra_args'], `virtiofsd's ${KataError.from(error).message}`)];
  }
}

function portRules(name: string, table: Table, at: Path): Finding[] {
  const [hot, cold] = [table['hot_plug_vfio'] ?? 'no-port', table['cold_plug_vfio'] ?? 'no-port'];
  if (hot !== 'no-port' && cold !== 'no-port') return [wrong([...at, 'cold_plug_vfio'], 'hot_plug_vfio is set too')];
  if (name === 'clh' && cold !== 'no-port') return [wrong([...at, 'cold_plug_vfio'], 'not with Cloud Hypervisor')];
  return [];
}

function wrong(path: Path, text: string): Finding {
  return { kind: 'wrong', path, text };
}

function note(path: Path, text: string): Finding {
  return { kind: 'note', path, text };
}
