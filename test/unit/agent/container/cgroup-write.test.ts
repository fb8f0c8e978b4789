import { describe, expect, it } from 'vitest';
import { writeAll } from '../../../../src/agent/container/cgroup-write.ts';
import { TemporaryFiles } from '../temporary-files.ts';

describe('writeAll', () => {
  const write = (path: string, text: string) => ({ path, text, field: `resources.${path}`, given: text });

  it('writes all', async () => {
    using files = new TemporaryFiles({ a: '1', b: '2' });
    await writeAll([write(`${files.root}/a`, '3'), write(`${files.root}/b`, '4')]);
    expect([files.read('a'), files.read('b')]).toEqual(['3', '4']);
  });

  it('writes none where one cannot be read', async () => {
    using files = new TemporaryFiles({ a: '1' });
    const missing = { ...write(`${files.root}/none`, '4'), field: 'resources.X', given: '4' };
    await expect(writeAll([write(`${files.root}/a`, '3'), missing])).rejects.toMatchObject({
      status: 13,
      message: 'resources.X: "4" is refused by the kernel (ENOENT)',
    });
    expect(files.read('a')).toBe('1');
  });

  it('sets back what it has written where one cannot be written', async () => {
    using files = new TemporaryFiles({ a: '1', b: '' });
    // It can be read, and the kernel takes nothing for it.
    const refused = { path: '/proc/self/oom_score_adj', text: '5000', field: 'resources.X', given: '5000' };
    const writes = [write(`${files.root}/a`, '3'), write(`${files.root}/b`, '4'), refused];
    await expect(writeAll(writes)).rejects.toMatchObject({
      status: 13,
      message: 'resources.X: "5000" is refused by the kernel (EINVAL)',
    });
    expect(files.read('a')).toBe('1');
    expect(files.read('b')).toBe('\n');
  });
});
