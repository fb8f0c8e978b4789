import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LiveAgent } from './live-agent.ts';

/** Rules that differ between the families. */
const rules = (address: string) =>
  Buffer.from(
    `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -s ${address} -j DROP\nCOMMIT\n`,
  );

describe('GetIPTables and SetIPTables', () => {
  let live: LiveAgent;
  beforeAll(async () => {
    live = await LiveAgent.start('', ['-n']);
  });
  afterAll(() => live.stop());

  const read = async (isIpv6: boolean) =>
    Buffer.from((await live.client.agent.GetIPTables({ is_ipv6: isIpv6 })).data).toString();

  it.each([
    [false, '10.0.0.9/32', '10.0.0.8/32'],
    [true, 'fd00::9/128', 'fd00::8/128'],
  ])('set and give the rules of one family (IPv6: %j)', async (isIpv6, address, other) => {
    const { agent } = live.client;
    const set = (data: Uint8Array) => agent.SetIPTables({ is_ipv6: isIpv6, data });
    await set(rules(address));
    const { data } = await set(rules(address));
    expect(data).toHaveLength(0);
    const saved = await read(isIpv6);
    expect(saved.match(new RegExp(`^-A INPUT -s ${address} -j DROP$`, 'gm'))).toHaveLength(1);
    expect(await read(!isIpv6)).not.toContain(address);
    // What was given is taken again.
    await set(Buffer.from(saved));
    const wrong = Buffer.concat([rules(other), Buffer.from('nonsense\n')]);
    await expect(set(Buffer.from('*filter\n-A NOWHERE -j DROP\nCOMMIT\n'))).rejects.toMatchObject({
      status: 13,
      message: expect.stringMatching(/^ip6?tables-restore: exit status \d+: .+/),
    });
    await expect(set(wrong)).rejects.toMatchObject({ status: 13 });
    expect(await read(isIpv6)).toContain(`-A INPUT`);
  });

  it('carry many rules', async () => {
    const { agent } = live.client;
    const lines = Array.from({ length: 5000 }, (_, n) => `-A INPUT -s 10.1.${n >> 8}.${n & 0xff}/32 -j DROP\n`).join(
      '',
    );
    const text = rules('10.0.0.9/32').toString().replace('COMMIT\n', `${lines}COMMIT\n`);
    await agent.SetIPTables({ is_ipv6: false, data: Buffer.from(text) });
    expect((await read(false)).match(/^-A INPUT/gm)).toHaveLength(5001);
  });
});
