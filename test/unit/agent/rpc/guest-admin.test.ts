import { writeFileSync } from 'node:fs';
import Long from 'long';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AgentClient } from '../../../../src/wire/ttrpc/agent-client.ts';
import { LiveAgent } from './live-agent.ts';

const LOG = '/dev/termination-log';
const ANNOTATION = 'io.kubernetes.container.terminationMessagePath';

describe('calls about the guest', () => {
  let live: LiveAgent;
  let agent: AgentClient['agent'];
  beforeAll(async () => {
    live = await LiveAgent.start();
    ({ agent } = live.client);
  });
  afterAll(() => live.stop());

  it('mix what is random into what the kernel has', async () => {
    await agent.ReseedRandomDev({ data: new Uint8Array(32).fill(7) });
    const nothing = { status: 13, message: 'data: "" is empty' };
    await expect(agent.ReseedRandomDev({ data: new Uint8Array() })).rejects.toMatchObject(nothing);
  });

  it.each([
    ['Usec: "-1"', 1, -1],
    ['Usec: "1000000"', 1, 1_000_000],
    ['Sec: "-5"', -5, 0],
    ['Sec: "9007199254740992"', 2 ** 53, 0],
  ])('refuse a time that there is not: %s', async (text, seconds, microseconds) => {
    const time = { Sec: Long.fromNumber(seconds), Usec: Long.fromNumber(microseconds) };
    const refused = { status: 13, message: expect.stringContaining(text) };
    await expect(agent.SetGuestDateTime(time)).rejects.toMatchObject(refused);
  });

  it('give what a program says of its end', async () => {
    const file = `${live.rootfs}/said`;
    const create = async (id: string, annotated: boolean): Promise<void> => {
      const request = live.request(id, `echo died of ${id} > ${LOG}`, {
        mounts: [{ destination: LOG, source: file, type: 'bind', options: ['bind', 'rw'] }],
      });
      const OCI = { ...request.OCI, ...(annotated && { Annotations: { [ANNOTATION]: LOG } }) };
      await agent.CreateContainer({ ...request, OCI });
    };
    const read = async (id: string, type = 'termination_log'): Promise<string> =>
      (await agent.GetDiagnosticData({ container_id: id, log_type: type })).data;
    writeFileSync(file, '');
    await create('ends', true);
    expect(await read('ends')).toBe('');
    await agent.StartContainer({ container_id: 'ends' });
    await agent.WaitProcess({ container_id: 'ends', exec_id: 'ends' });
    expect(await read('ends')).toBe('died of ends\n');
    await expect(read('ends', 'core')).rejects.toMatchObject({
      status: 3,
      message: 'log_type: "core" is not termination_log',
    });
    await agent.RemoveContainer({ container_id: 'ends' });
    await expect(read('ends')).rejects.toMatchObject({ status: 13 });
    await create('silent', false);
    await expect(read('silent')).rejects.toMatchObject({ status: 13, message: expect.stringContaining('"silent"') });
    await agent.RemoveContainer({ container_id: 'silent' });
  });
});
