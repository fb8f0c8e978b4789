import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { generateProtocol } from '../../../build/proto.ts';

const GENERATED = join(import.meta.dirname, '../../../src/wire/generated');

describe('generateProtocol()', () => {
  it('writes nothing where its inputs are unchanged', async () => {
    const files = ['proto.js', 'proto.d.ts', 'inputs.sha256'].map((name) => join(GENERATED, name));
    await generateProtocol();
    const before = files.map((file) => statSync(file).mtimeMs);
    await generateProtocol();
    expect(files.map((file) => statSync(file).mtimeMs)).toEqual(before);
  });
});
