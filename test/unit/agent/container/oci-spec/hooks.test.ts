import { spawnSync } from 'node:child_process';
import Long from 'long';
import { describe, expect, it } from 'vitest';
import { mergeHooks, runtimeHooks } from '../../../../../src/agent/container/oci-spec/hooks.ts';
import { grpc } from '../../../../../src/wire/generated/proto.js';

const hook = (path: string) => ({ path, args: ['name', 'prestart'], env: [], timeoutSeconds: 10 });
const NONE = { prestart: [], poststart: [], poststop: [] };
const decoded = (more: grpc.Hooks.$Properties): grpc.Hooks => grpc.Hooks.decode(grpc.Hooks.encode(more).finish());

describe('mergeHooks', () => {
  it("puts the guest's after the request's, each list to itself", () => {
    const given = decoded({
      Prestart: [{ Path: '/a', Args: ['a', 'x'], Env: ['E=1'], Timeout: Long.fromNumber(3) }],
      Poststop: [{ Path: '/stop' }],
    });
    const hooks = mergeHooks(given, { ...NONE, prestart: [hook('/g')], poststart: [hook('/h')] });
    expect(hooks.prestart).toEqual([{ path: '/a', args: ['a', 'x'], env: ['E=1'], timeoutSeconds: 3 }, hook('/g')]);
    expect(hooks.poststart).toEqual([hook('/h')]);
    expect(hooks.poststop).toEqual([{ path: '/stop', args: ['/stop'], env: [], timeoutSeconds: 10 }]);
  });

  it('refuses a relative path', () => {
    expect(() => mergeHooks(decoded({ Prestart: [{ Path: 'x' }] }), NONE)).toThrow('Hooks.Path: "x"');
  });
});

describe('runtimeHooks', () => {
  it('says nothing where there are none, or only such as the agent runs', () => {
    expect(runtimeHooks(mergeHooks(null, { ...NONE, poststart: [hook('/h')] }))).toBeUndefined();
  });

  it('wraps a hook so that its failure is none of the container', () => {
    const wrapped = runtimeHooks(mergeHooks(null, { ...NONE, prestart: [hook('/bin/false')] }))?.['prestart'];
    // Reason for the cast: Json is a wide type; the shape is asserted by running it.
    const [{ path, args }] = wrapped as unknown as [{ path: string; args: string[] }];
    expect(path).toBe('/bin/sh');
    expect(args.slice(-3)).toEqual(['10', '/bin/false', 'prestart']);
    expect(spawnSync(path, args.slice(1)).status).toBe(0);
  });
});
