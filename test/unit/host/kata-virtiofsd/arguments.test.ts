import { describe, expect, it } from 'vitest';
import { type FsSettings, parseFsArguments } from '../../../../src/host/kata-virtiofsd/arguments.ts';

const SHIM_2_2 = '--syslog -o cache=auto -o no_posix_lock -o source=/run/share --fd=3 -d';
const SHIM_3 = '--syslog --cache=never --shared-dir=/run/share --fd=3';

function settings(line: string): FsSettings {
  const request = parseFsArguments(line.split(' '));
  if (request.kind !== 'serve') throw new Error(`asks ${request.question}`);
  return request.settings;
}

function chosen(line: string): Record<string, unknown> {
  return Object.fromEntries([...settings(line).chosen].map(([{ name }, value]) => [name, value]));
}

describe('parseFsArguments()', () => {
  it('reads what either shim writes', () => {
    expect(chosen(SHIM_2_2)).toEqual({
      syslog: true,
      cache: 'auto',
      posix_lock: false,
      'shared-dir': '/run/share',
      fd: '3',
    });
    expect(settings(SHIM_2_2).debug).toBe(true);
    expect(chosen(SHIM_3)).toEqual({ syslog: true, cache: 'never', 'shared-dir': '/run/share', fd: '3' });
    expect(settings(SHIM_3).debug).toBe(false);
  });

  it.each([
    ['--thread-pool-size=1 --announce-submounts', { 'thread-pool-size': '1', 'announce-submounts': true }],
    ['-o xattr -o announce_submounts', { xattr: true, 'announce-submounts': true }],
    ['-oxattr,cache=none,no_readdirplus', { xattr: true, cache: 'never', readdirplus: false }],
    ['-o loglevel=err', { 'log-level': 'error' }],
    ['--cache always --thread-pool-size 4', { cache: 'always', 'thread-pool-size': '4' }],
    ['--posix-acl --security-label=never', { 'posix-acl': true, 'security-label': false }],
    ['--no-readdirplus --no-announce-submounts', { readdirplus: false, 'announce-submounts': false }],
    ['--uid-map=:0:1:1: --uid-map=:1:2:1:', { 'uid-map': [':0:1:1:', ':1:2:1:'] }],
    ['-o xattrmap=:map::user.:', { xattrmap: ':map::user.:' }],
    ['-f -o allow_root', { allow_root: true }],
  ])('reads the extra arguments %j', (extra, wanted) => {
    expect(chosen(`${SHIM_3} ${extra}`)).toMatchObject(wanted);
  });

  it('lets the last of two win', () => {
    expect(chosen(`${SHIM_2_2} --cache=always -o xattr -o no_xattr`)).toMatchObject({ cache: 'always', xattr: false });
  });

  it('takes away the meaning of a comma behind a backslash', () => {
    expect(chosen('--fd=3 -o source=/a\\,b\\\\c,xattr')).toMatchObject({ 'shared-dir': '/a,b\\c', xattr: true });
  });

  it('names every argument that neither program knows', () => {
    expect(() => settings(`${SHIM_3} --bogus=1 -x word -o strange,no_source,no_xattr=1 -o timeout=2`)).toThrow(
      'unknown: "--bogus=1", "-x", "word", "-o strange", "-o no_source", "-o no_xattr=1"',
    );
    expect(() => settings(`${SHIM_3} --daemonize`)).toThrow('unknown: "--daemonize"');
  });

  it.each([
    ['--cache=sometimes', '--cache: "sometimes" is not one of auto, always, never, metadata'],
    ['--thread-pool-size=many', '--thread-pool-size: "many" must be a whole number'],
    ['-o sandbox=jail', '-o sandbox: "jail" is not one of namespace, chroot, none'],
    ['-o cache', '-o cache has no value'],
    ['--xattr=yes', '--xattr: "yes" is not always, auto or never'],
    ['--shared-dir=', '--shared-dir: "" must be not empty'],
    ['--socket-path=/s', '--fd and --socket-path exclude each other'],
    ['-o', '-o has no value'],
  ])('names the wrong value in %j', (extra, message) => {
    expect(() => settings(`${SHIM_3} ${extra}`)).toThrow(message);
  });

  it('names what is missing', () => {
    expect(() => settings('--fd=3')).toThrow('missing: --shared-dir=DIR or -o source=DIR');
    expect(() => settings('-o source=/s')).toThrow('missing: --fd=N or --socket-path=PATH');
  });

  it('hands questions on', () => {
    expect(parseFsArguments(['-V'])).toEqual({ kind: 'ask', question: '--version' });
    expect(parseFsArguments(['--fd=3', '--print-capabilities'])).toEqual({
      kind: 'ask',
      question: '--print-capabilities',
    });
  });
});
