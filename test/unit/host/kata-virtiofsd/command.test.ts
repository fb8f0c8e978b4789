import { describe, expect, it } from 'vitest';
import { parseFsArguments } from '../../../../src/host/kata-virtiofsd/arguments.ts';
import { type FsCommand, fsCommand } from '../../../../src/host/kata-virtiofsd/command.ts';
import type { VirtiofsdKind } from '../../../../src/host/virtiofsd.ts';

const SHIM_2_2 = '--syslog -o cache=auto -o no_posix_lock -o source=/s --fd=3 -d';
const SHIM_3 = '--syslog --cache=never --shared-dir=/s --fd=3';

function command(kind: VirtiofsdKind, line: string): FsCommand {
  const request = parseFsArguments(line.split(' '));
  if (request.kind !== 'serve') throw new Error('asks');
  return fsCommand(request.settings, kind);
}

describe('fsCommand()', () => {
  it.each([
    ['c', SHIM_2_2, '-d --syslog -o cache=auto -o no_posix_lock -o source=/s --fd=3'],
    ['c', SHIM_3, '-f --syslog -o cache=none -o source=/s --fd=3'],
    ['rust', SHIM_2_2, '--log-level=debug --syslog --cache=auto --shared-dir=/s --fd=3'],
    ['rust', SHIM_3, '--syslog --cache=never --shared-dir=/s --fd=3'],
    [
      'c',
      `${SHIM_3} --thread-pool-size=1 --announce-submounts`,
      '-f --syslog -o cache=none -o source=/s --fd=3 --thread-pool-size=1 -o announce_submounts',
    ],
    [
      'rust',
      `${SHIM_2_2} --thread-pool-size=1 -o announce_submounts,xattr`,
      '--log-level=debug --syslog --cache=auto --shared-dir=/s --fd=3 --thread-pool-size=1 --announce-submounts --xattr',
    ],
    ['rust', `${SHIM_2_2} -o log_level=warn`, '--log-level=debug --syslog --cache=auto --shared-dir=/s --fd=3'],
    [
      'rust',
      `${SHIM_3} -o no_readdirplus,no_writeback,no_flock`,
      '--syslog --cache=never --shared-dir=/s --fd=3 --no-readdirplus',
    ],
    [
      'rust',
      `${SHIM_3} --translate-uid=a --translate-uid=b`,
      '--syslog --cache=never --shared-dir=/s --fd=3 --translate-uid=a --translate-uid=b',
    ],
  ] as const)('writes for %s what %j means', (kind, line, wanted) => {
    const { args, notes } = command(kind, line);
    expect(args.join(' ')).toBe(wanted);
    expect(notes).toEqual([]);
  });

  it('keeps a comma of a path in one piece', () => {
    expect(command('c', '--fd=3 --shared-dir=/a,b\\c').args).toContain('source=/a\\,b\\\\c');
  });

  it.each([
    ['c', '--cache=metadata', 'has no cache=metadata; it gets none'],
    ['c', '--log-level=trace', 'has no log-level=trace; it gets debug'],
    ['c', '--seccomp=none', 'has no seccomp, which is left out'],
    ['c', '--inode-file-handles=never', 'has no inode-file-handles, which is left out'],
    ['rust', '-o timeout=1', 'has no timeout, which is left out'],
  ] as const)('tells what %s does not do of %j', (kind, extra, note) => {
    expect(command(kind, `${SHIM_3} ${extra}`).notes).toEqual([expect.stringContaining(note)]);
  });

  it.each([
    ['c', '--readonly', 'readonly: the guest could write'],
    ['c', '--uid-map=:0:1:1:', 'uid-map: files would have other owners'],
    ['rust', '-o posix_lock,flock', 'posix_lock: locks stay inside the guest; flock: locks stay inside the guest'],
  ] as const)('refuses for %s what would be another share: %j', (kind, extra, message) => {
    expect(() => command(kind, `${SHIM_3} ${extra}`)).toThrow(message);
  });

  it('leaves out what cannot be said of a value only by name', () => {
    expect(() => command('c', `${SHIM_3} --sandbox=none`)).toThrow('sandbox=none: it always confines itself');
  });
});
