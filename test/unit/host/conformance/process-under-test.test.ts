import { describe, expect, it } from 'vitest';
import { ProcessUnderTest } from '../../../../src/host/conformance/process-under-test.ts';
import { KataError } from '../../../../src/wire/error.ts';
import { fakeAgent } from '../fake-agent.ts';

const KEY = { container_id: 'c', exec_id: 'e' };
const EOF = new KataError('ERR_INTERNAL', 'eof');

function processOf(agent: ReturnType<typeof fakeAgent>): ProcessUnderTest {
  return new ProcessUnderTest(agent.client, KEY);
}

describe('ProcessUnderTest', () => {
  it('ends at an empty answer as newer shims do, and asks for 32 KiB', async () => {
    const agent = fakeAgent({ stdout: ['one', 'two', '', 'three'] });
    expect((await processOf(agent).readToEnd('ReadStdout')).toString()).toBe('onetwo');
    expect(agent.named('ReadStdout')[0]?.[1]).toEqual({ ...KEY, len: 32 * 1024 });
  });

  it('ends at an error as older shims do, and passes over empty answers', async () => {
    const agent = fakeAgent({ stdout: ['one', '', 'two', '', EOF] });
    expect((await processOf(agent).readToError('ReadStdout')).toString()).toBe('onetwo');
  });

  it('tells of an output at which older shims would read for ever', async () => {
    const agent = fakeAgent({ stdout: ['one', ...Array.from({ length: 60 }, () => '')] });
    await expect(processOf(agent).readToError('ReadStdout')).rejects.toThrow('50 more of them');
    expect(agent.named('ReadStdout')).toHaveLength(51);
  });

  it('takes no lost connection for an end', async () => {
    const agent = fakeAgent({ stdout: ['one', new KataError('ERR_UNAVAILABLE', 'ttrpc: closed')] });
    await expect(processOf(agent).readToEnd('ReadStdout')).rejects.toThrow('ttrpc: closed');
  });

  it('waits only after both outputs, and reads one of a terminal', async () => {
    const agent = fakeAgent({ stdout: ['o', ''], stderr: ['e', ''] });
    expect(await processOf(agent).toEnd()).toEqual({ code: 7, stdout: Buffer.from('o'), stderr: Buffer.from('e') });
    expect(agent.calls.at(-1)?.[0]).toBe('WaitProcess');
    const terminal = fakeAgent({ stdout: ['o', ''] });
    expect(await processOf(terminal).terminalToEnd()).toEqual({ code: 7, stdout: Buffer.from('o') });
    expect(terminal.named('ReadStderr')).toEqual([]);
  });
});
