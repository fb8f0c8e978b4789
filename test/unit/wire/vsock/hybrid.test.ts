import { describe, expect, it } from 'vitest';
import { formatOk, guestInitiatedPath, parseConnect } from '../../../../src/wire/vsock/hybrid.ts';

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

describe('the other lines and names', () => {
  it('are those of the protocol', () => {
    expect(formatOk(1073741824)).toBe('OK 1073741824\n');
    expect(guestInitiatedPath('/run/v.sock', 52)).toBe('/run/v.sock_52');
  });
});
