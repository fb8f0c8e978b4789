import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LiveAgent } from './live-agent.ts';

describe('PauseContainer, ResumeContainer and GetOOMEvent', () => {
  let live: LiveAgent;
  beforeAll(async () => {
    live = await LiveAgent.start();
  });
  afterAll(() => live.stop());

  it('name a container that there is not', async () => {
    const unknown = { status: 3, message: 'Invalid container id "none"' };
    const { agent } = live.client;
    await expect(agent.PauseContainer({ container_id: 'none' })).rejects.toMatchObject(unknown);
    await expect(agent.ResumeContainer({ container_id: 'none' })).rejects.toMatchObject(unknown);
  });

  it('stop a container and let it go on, each once; one that stands still can be killed and removed', async () => {
    const { agent } = live.client;
    const id = 'paused';
    await agent.CreateContainer(live.request(id, 'while :; do echo tick; sleep 0.01; done'));
    await agent.StartContainer({ container_id: id });
    const tick = () => agent.ReadStdout({ container_id: id, exec_id: id, len: 1 });
    await expect(agent.ResumeContainer({ container_id: id })).rejects.toMatchObject({ status: 13 });
    await agent.PauseContainer({ container_id: id });
    await expect(agent.PauseContainer({ container_id: id })).rejects.toMatchObject({ status: 13 });
    await agent.ResumeContainer({ container_id: id });
    expect((await tick()).data).toHaveLength(1);
    await agent.PauseContainer({ container_id: id });
    await agent.SignalProcess({ container_id: id, exec_id: '', signal: 9 });
    expect(await agent.WaitProcess({ container_id: id, exec_id: id })).toMatchObject({ status: 137 });
    await agent.RemoveContainer({ container_id: id });
  });

  it('end the wait for an event with the sandbox', async () => {
    const { agent } = live.client;
    const waiting = agent.GetOOMEvent({});
    const end = expect(waiting).rejects.toMatchObject({ status: 13, message: '""' });
    await agent.DestroySandbox({});
    await end;
  });
});
