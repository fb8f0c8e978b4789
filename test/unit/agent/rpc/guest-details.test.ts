import { describe, expect, it } from 'vitest';
import { guestDetailsHandlers, parseBlockSize } from '../../../../src/agent/rpc/guest-details.ts';
import { grpc } from '../../../../src/wire/generated/proto.js';

describe('parseBlockSize', () => {
  it.each([
    ['8000000\n', '134217728'],
    ['ffffffffffffffff', '18446744073709551615'],
  ])('%j is %s', (text, expected) => {
    expect(parseBlockSize(text).toString()).toBe(expected);
  });

  it.each(['', '\n', '0x80', 'xyz', '-1'])('refuses %j', (text) => {
    expect(() => parseBlockSize(text)).toThrow('Invalid block size');
  });
});

describe('GetGuestDetails', () => {
  it('tells of memory only when asked, of the agent always', () => {
    const details = guestDetailsHandlers().GetGuestDetails(new grpc.GuestDetailsRequest());
    expect(details.mem_block_size_bytes.toString()).toBe('0');
    expect(details).toMatchObject({ support_mem_hotplug_probe: false, agent_details: { init_daemon: false } });
    expect(details.agent_details.version).toMatch(/^\d+\.\d+\.\d+/);
  });
});
