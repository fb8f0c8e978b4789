import { describe, expect, it } from 'vitest';
import { temporaryName } from '../../../../src/agent/network/configure-link.ts';

describe('temporaryName', () => {
  it.each([
    ['eth0', [], 'eth0_temp'],
    ['eth0', ['eth0_temp'], 'eth0_temp1'],
    ['enp0s31f6abcdef', [], 'enp0s31f6a_temp'],
    ['enp0s31f6abcdef', ['enp0s31f6a_temp', 'enp0s31f6_temp1'], 'enp0s31f6_temp2'],
    ['ééééééé', [], 'ééééé_temp'],
  ])('of %s beside %j is %s', (name, taken, expected) => {
    expect(temporaryName(name, taken)).toBe(expected);
    expect(Buffer.byteLength(temporaryName(name, taken))).toBeLessThanOrEqual(15);
  });
});
