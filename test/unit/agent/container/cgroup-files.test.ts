import { describe, expect, it } from 'vitest';
import { cgroupFiles } from '../../../../src/agent/container/cgroup-files.ts';
import { TemporaryFiles } from '../temporary-files.ts';

describe('cgroupFiles', () => {
  it('finds a file wherever it lies, and tells two of the same name apart by what is beside them', () => {
    using files = new TemporaryFiles({ 'a/cpu.stat': 'a', 'a/x': 'x', 'b/cpu.stat': 'b', 'b/cpu.shares': '2' });
    const found = cgroupFiles(['a', 'none', 'b'].map((name) => `${files.root}/${name}`));
    expect(found.read('cpu.stat')).toBe('a');
    expect(found.read('cpu.stat', 'cpu.shares')).toBe('b');
    expect(found.path('cpu.shares')).toBe(`${files.root}/b/cpu.shares`);
    expect(found.path('none')).toBeUndefined();
    expect(found.read('x', 'cpu.shares')).toBeUndefined();
    expect([...found.names()].toSorted()).toEqual(['cpu.shares', 'cpu.stat', 'x']);
  });

  it('has nothing of one that goes while it is looked at', () => {
    const files = new TemporaryFiles({ 'pids.current': '1' });
    const found = cgroupFiles([files.root]);
    files[Symbol.dispose]();
    expect(found.read('pids.current')).toBeUndefined();
  });
});
