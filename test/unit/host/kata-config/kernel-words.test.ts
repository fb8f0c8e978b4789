import { expect, it } from 'vitest';
import { OPTIONS } from '../../../../src/agent/config/options.ts';
import { kernelWordsGap } from '../../../../src/host/kata-config/kernel-words.ts';

const WORDS = OPTIONS.flatMap(({ words = [], flag }) => (flag === undefined ? words : [...words, flag]));

it.each([...new Set(WORDS)])('knows the word %s of the agent', (word) => {
  expect(kernelWordsGap(`${word}=1`) ?? '').not.toContain('no such option');
});

it('names each word that is not served', () => {
  expect(kernelWordsGap('a agent.trace agent.log=info agent.mem_agent_enable=1 agent.nosuch')).toBe(
    'agent.trace: the agent sends no traces; agent.mem_agent_enable: there is no memory agent; ' +
      'agent.nosuch: no such option of the agent is known',
  );
});
