import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { agentFiles, linkageOf } from '../../../../build/guest/agent-files.ts';
import { packageRoot } from '../../../../src/host/package-root.ts';

/** Types in the program table of an ELF file. */
const [PT_LOAD, PT_INTERP] = [1, 3];

/** An ELF file of nothing but its header and a program table. */
function elf(...types: readonly number[]): Buffer {
  const bytes = Buffer.alloc(64 + 56 * types.length);
  bytes.write('\x7fELF\x02\x01', 'latin1');
  bytes.writeBigUInt64LE(64n, 32);
  bytes.writeUInt16LE(56, 54);
  bytes.writeUInt16LE(types.length, 56);
  types.forEach((type, index) => void bytes.writeUInt32LE(type, 64 + 56 * index));
  return bytes;
}

describe('the files of an agent', () => {
  let directory = '';
  const written = (content: string | Buffer): string => {
    const path = join(directory, 'agent');
    writeFileSync(path, content);
    return path;
  };

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'kata-agent-files-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it.each([
    ['a script', '"use strict";', 'script'],
    ['an empty file', '', 'script'],
    ['a static program', elf(PT_LOAD), 'static'],
    ['a program with libraries', elf(PT_LOAD, PT_INTERP), 'dynamic'],
    ['a program table that is cut', elf(PT_LOAD, PT_INTERP).subarray(0, 66), 'static'],
  ])('tell %s', async (_what, content, linkage) => {
    expect(await linkageOf(written(content))).toBe(linkage);
  });

  it('are one for a program, which is the init', async () => {
    const source = written(elf(PT_LOAD, PT_INTERP));
    const { files, dynamic } = await agentFiles(source, packageRoot());
    expect(files).toEqual([{ path: '/usr/sbin/init', source, isProgram: true, group: 'agent' }]);
    expect(dynamic).toEqual([source]);
  });

  it('are Node, the bundle and the script that starts it for a bundle', async () => {
    const source = written('1;');
    const { files, dynamic } = await agentFiles(source, packageRoot());
    expect(files.map(({ path }) => path)).toEqual(['/usr/bin/node', '/usr/libexec/kata-agent.cjs', '/usr/sbin/init']);
    expect(files[1]?.source).toBe(source);
    expect(dynamic).toEqual([files[0]?.source]);
  });
});
