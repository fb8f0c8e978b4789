import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { AgentContext } from '../../../../src/agent/context.ts';
import { agentHandlers } from '../../../../src/agent/rpc/server.ts';
import { SERVICES } from '../../../../src/wire/services.ts';

const DOCUMENT = new URL('../../../../docs/rpc.md', import.meta.url);

/** Method -> what the table of the document says of it. */
function documented(): ReadonlyMap<string, string> {
  const rows = readFileSync(DOCUMENT, 'utf8').matchAll(/^\| `(\w+)` \| (served|UNIMPLEMENTED) \|/gm);
  return new Map([...rows].map(([, method = '', answer = '']) => [method, answer]));
}

describe('docs/rpc.md', () => {
  it('says of every declared method whether it is served', () => {
    // Reason for the cast: the handlers are only listed, never called.
    const served = new Set(Object.keys(agentHandlers({} as AgentContext)));
    const actual = Object.keys(SERVICES['grpc.AgentService']).map(
      (method) => [method, served.has(method) ? 'served' : 'UNIMPLEMENTED'] as const,
    );
    expect(Object.fromEntries(documented())).toEqual(Object.fromEntries(actual));
  });
});
