import { describe, expect, it } from 'vitest';
import { decodeJson, list, object, optional, text } from '../../../../src/host/keeper/json.ts';
import {
  containerRequest,
  errorInfo,
  fromErrorInfo,
  keeperReport,
  sandboxInfo,
  sandboxRequest,
  toErrorInfo,
} from '../../../../src/host/keeper/protocol.ts';
import { KataError } from '../../../../src/wire/error.ts';

const CONTAINER = {
  interactive: true,
  options: {
    id: 'web',
    root: {
      kind: 'image',
      image: { rootfs: '/cache/x', config: { entrypoint: [], cmd: ['sh'], env: ['A=1'], cwd: '/', user: '' } },
    },
    command: ['sh', '-c', 'ä'],
    env: [],
    volumes: [{ source: '/a', destination: '/b', readOnly: true }],
    terminal: { rows: 24, columns: 80 },
  },
};
const SANDBOX = { sandbox: { id: 'x', cpus: 2, kernelParameters: ['agent.log=debug'] }, container: CONTAINER };
const INFO = {
  id: 'x',
  keeperPid: 1,
  qemuPid: 2,
  createdAt: 3,
  containers: [
    {
      id: 'web',
      command: ['sh'],
      createdAt: 4,
      terminal: false,
      interactive: true,
      state: { is: 'exited', status: 7, at: 5 },
    },
  ],
};

describe('a message', () => {
  it.each([
    ['container', CONTAINER, containerRequest],
    [
      'directory',
      { ...CONTAINER, options: { root: { kind: 'directory', path: '/r' }, command: [] } },
      containerRequest,
    ],
    ['sandbox', SANDBOX, sandboxRequest],
    ['info', INFO, sandboxInfo],
    ['error', { code: 'ERR_BOOT', message: 'x' }, errorInfo],
    ['line', { is: 'line', text: 'x' }, keeperReport],
    ['ready', { is: 'ready', container: 'x' }, keeperReport],
    ['failed', { is: 'failed', error: { code: 'ERR_BOOT', message: 'x' } }, keeperReport],
  ] as const)('comes back as it was: %s', (_, value, decode) => {
    expect(decodeJson<unknown>(JSON.stringify(value), decode, 'it')).toEqual(value);
  });

  it.each([
    ['{', 'it is not JSON'],
    ['[]', 'it.interactive is not true or false'],
    ['null', 'it is not an object'],
    [
      JSON.stringify({ ...CONTAINER, options: { ...CONTAINER.options, root: { kind: 'disk' } } }),
      /it\.options\.root\.kind/,
    ],
    [
      JSON.stringify({ ...CONTAINER, options: { ...CONTAINER.options, command: [1] } }),
      'it.options.command[0] is not a string',
    ],
    [
      JSON.stringify({ ...CONTAINER, options: { ...CONTAINER.options, terminal: { rows: 1 } } }),
      /columns is not a number/,
    ],
  ])('is refused: %s', (json, reason) => {
    expect(() => decodeJson(json, containerRequest, 'it')).toThrow(reason);
  });

  it('may leave out what is optional, and must not give it another type', () => {
    const decode = object({ a: optional(list(text)) });
    expect(decodeJson('{"b":1}', decode, 'it')).toEqual({});
    expect(() => decodeJson('{"a":"x"}', decode, 'it')).toThrow('it.a is not an array');
  });
});

describe('an error', () => {
  it('keeps its code and words, and an unknown code becomes one that is known', () => {
    const error = new KataError('ERR_NOT_FOUND', 'no such thing');
    expect(fromErrorInfo(toErrorInfo(error))).toMatchObject({ code: 'ERR_NOT_FOUND', message: 'no such thing' });
    expect(fromErrorInfo({ code: 'ERR_NEW', message: 'x' })).toMatchObject({ code: 'ERR_INTERNAL', message: 'x' });
    expect(fromErrorInfo({ code: 'toString', message: 'x' }).code).toBe('ERR_INTERNAL');
  });
});
