import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { readTerminationLog, terminationLogOf } from '../../../../src/agent/container/termination-log.ts';
import { TemporaryFiles } from '../temporary-files.ts';
import { decodedSpec } from './oci-spec/decoded.ts';

const ANNOTATION = 'io.kubernetes.container.terminationMessagePath';
const Mounts = [
  { destination: '/etc/hosts', source: '/shared/hosts' },
  { destination: '/dev/termination-log', source: '/shared/log' },
];

describe('terminationLogOf', () => {
  it.each([
    ['the source of the mount', { [ANNOTATION]: '/dev/termination-log' }, '/shared/log'],
    ['nothing without the annotation', {}, undefined],
    ['nothing for an empty one', { [ANNOTATION]: '' }, undefined],
    ['nothing without the mount', { [ANNOTATION]: '/other' }, undefined],
  ])('is %s', (_what, Annotations, expected) => {
    expect(terminationLogOf(decodedSpec({ Annotations, Mounts }))).toBe(expected);
  });
});

describe('readTerminationLog', () => {
  it('gives the first 4096 bytes as text', async () => {
    using files = new TemporaryFiles({ short: 'died\n', long: 'x'.repeat(5000) });
    expect(await readTerminationLog(`${files.root}/short`)).toBe('died\n');
    expect(await readTerminationLog(`${files.root}/long`)).toBe('x'.repeat(4096));
  });

  it('replaces what is no text', async () => {
    using files = new TemporaryFiles({ log: '' });
    execFileSync('sh', ['-c', `printf 'a\\377b' > ${files.root}/log`]);
    expect(await readTerminationLog(`${files.root}/log`)).toBe('a\ufffdb');
  });

  it('is empty for what is no file, without waiting for a writer', async () => {
    using files = new TemporaryFiles({ file: '' });
    execFileSync('mkfifo', [`${files.root}/pipe`]);
    for (const name of ['none', 'file/below', 'pipe', '.']) {
      expect(await readTerminationLog(`${files.root}/${name}`)).toBe('');
    }
  });
});
