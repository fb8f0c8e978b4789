import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ROUTES } from '../../../../src/vmm/api/routes.ts';

const PAGE = readFileSync(new URL('../../../../docs/kata-vmm.md', import.meta.url), 'utf8');

describe('docs/kata-vmm.md', () => {
  it('lists every request that the API answers, with its method, and no other', () => {
    const rows = [...PAGE.matchAll(/^\| `(vmm?\.[\w-]+)` \| ([A-Z, ]+) \|/gm)];
    expect(rows.map(([, path, method]) => `${method} ${path}`).sort()).toEqual(
      [...ROUTES].map(([path, actions]) => `${Object.keys(actions).join(', ')} ${path}`).sort(),
    );
  });
});
