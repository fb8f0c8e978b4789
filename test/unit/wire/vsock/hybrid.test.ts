import { describe, expect, it } from 'vitest';
import {
  formatConnect,
  formatOk,
  guestInitiatedPath,
  parseConnect,
  parseOk,
} from '../../../../src/wire/vsock/hybrid.ts';

describe('parseConnect()', () => {
  it.each([
    ['CONNECT 1024', 1024],
    ['connect 1024', 1024],
    ['Connect  1024\r', 1024],
    ['CONNECT 0', 0],
    ['CONNECT 4294967295', 0xffffffff],
  ])('takes %j', (line, port) => {
    expect(parseConnect(line)).toBe(port);
  });

  it.each([
    '',
    'CONNECT',
    'CONNECT ',
    'CONNECT x',
    'CONNECT -1',
    'CONNECT 4294967296',
    'CONNECT 1 2',
    ' CONNECT 1',
    'GET / HTTP',
  ])('refuses %j', (line) => {
    expect(parseConnect(line)).toBeUndefined();
  });
});

describe('parseOk()', () => {
  it.each([
    ['OK 1073741824', 1073741824],
    ['OK  7\r', 7],
  ])('takes %j', (line, port) => {
    expect(parseOk(line)).toBe(port);
  });

  it.each(['', 'OK', 'OK x', 'ok 1', 'OK 4294967296', 'ERR 1'])('refuses %j', (line) => {
    expect(parseOk(line)).toBeUndefined();
  });
});

describe('the other lines and names', () => {
  it('are those of the protocol', () => {
    expect(formatConnect(1024)).toBe('CONNECT 1024\n');
    expect(formatOk(1073741824)).toBe('OK 1073741824\n');
    expect(guestInitiatedPath('/run/v.sock', 52)).toBe('/run/v.sock_52');
  });
});
