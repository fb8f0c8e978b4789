import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { google, grpc, types } from '../../../src/wire/generated/proto.js';
import { findService, SERVICES } from '../../../src/wire/services.ts';

const PROTO = join(import.meta.dirname, '../../../proto');

/** The methods that a definition declares, as [name, request, response]. */
function declared(file: string): [string, string, string][] {
  const text = readFileSync(join(PROTO, file), 'utf8');
  return [...text.matchAll(/^ {2}rpc (\w+)\(([\w.]+)\) returns \(([\w.]+)\);/gm)].map(
    ([, name = '', request = '', response = '']) => [name, request, response],
  );
}

/** The codec of a type's name as a definition in package grpc writes it. */
function codec(name: string): unknown {
  const tables: Record<string, object> = { google: google.protobuf, types, grpc };
  const parts = name.split('.');
  const table = tables[parts.length > 1 ? (parts[0] ?? '') : 'grpc'];
  return new Map<string, unknown>(Object.entries(table ?? {})).get(parts.at(-1) ?? '');
}

describe('SERVICES', () => {
  it.each([
    ['agent.proto', 'grpc.AgentService', 44],
    ['health.proto', 'grpc.Health', 2],
  ])('has every method of %s with its messages', (file, service, count) => {
    const methods = findService(service);
    const rows = declared(file);
    expect(rows).toHaveLength(count);
    expect([...(methods?.keys() ?? [])].sort()).toEqual(rows.map(([name]) => name).sort());
    for (const [name, request, response] of rows) {
      expect(codec(request), request).toBeDefined();
      expect(codec(response), response).toBeDefined();
      expect(methods?.get(name)).toEqual({ name, request: codec(request), response: codec(response) });
    }
  });
});

describe('findService()', () => {
  it('knows nothing that every object has', () => {
    expect(findService('constructor')).toBeUndefined();
    expect(findService('__proto__')).toBeUndefined();
    for (const service of Object.keys(SERVICES)) expect(findService(service)?.get('toString')).toBeUndefined();
  });
});
