import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { rpcPage } from '../../../build/docs.ts';
import type { AgentContext } from '../../../src/agent/context.ts';
import { agentHandlers } from '../../../src/agent/rpc/handlers.ts';
import { STORAGE_DRIVERS } from '../../../src/agent/storage/storages.ts';

function read(path: string): string {
  return readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
}

const PAGE = read('docs/rpc.md');

describe('docs/rpc.md', () => {
  it('is as the code has it; "npm run docs" writes it', () => {
    expect(rpcPage(PAGE)).toBe(PAGE);
  });

  it('says of every method of the protocol whether a handler serves it', () => {
    // Reason for the cast: the handlers are only listed, never called.
    const served = new Set(Object.keys(agentHandlers({} as AgentContext)));
    const declared = [...read('proto/agent.proto').matchAll(/^ {2}rpc (\w+)\(/gm)].map(([, method = '']) => method);
    expect(declared.length).toBeGreaterThan(0);
    const rows = [...PAGE.matchAll(/^\| `(\w+)` \| (served|12 `UNIMPLEMENTED`) \|/gm)];
    expect(Object.fromEntries(rows.map(([, method, answer]) => [method, answer]))).toEqual(
      Object.fromEntries(declared.map((method) => [method, served.has(method) ? 'served' : '12 `UNIMPLEMENTED`'])),
    );
  });

  it('has no method without a reason among those that are not served', () => {
    expect(PAGE).not.toMatch(/UNIMPLEMENTED` \| *\|/);
  });
});

describe('rpcPage()', () => {
  it('takes back what was changed by hand between the markers, and leaves the rest alone', () => {
    const changed = PAGE.replace('| `StartContainer` | served |', '| `StartContainer` | never |');
    expect(changed).not.toBe(PAGE);
    expect(rpcPage(`${changed}more\n`)).toBe(`${PAGE}more\n`);
  });

  it('refuses a page without a marker, and a driver without a note or a note without a driver', () => {
    expect(() => rpcPage(PAGE.replace(/<!-- generated.*methods -->/, ''))).toThrow('no marker');
    expect(() => rpcPage(PAGE, [...STORAGE_DRIVERS, 'new'])).toThrow('does not fit the drivers: new');
    expect(() => rpcPage(PAGE, STORAGE_DRIVERS.slice(1))).toThrow(`does not fit the drivers: ${STORAGE_DRIVERS[0]}`);
  });
});
