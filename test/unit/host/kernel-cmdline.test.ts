import { describe, expect, it } from 'vitest';
import { kernelParameters } from '../../../src/host/kernel-cmdline.ts';

describe('kernelParameters', () => {
  it('has the console and the certain end', () => {
    expect(kernelParameters()).toEqual(expect.arrayContaining(['console=ttyS0', 'panic=1']));
  });

  it('puts the caller behind, so that the last of two equal names is the caller', () => {
    expect(kernelParameters({ extra: ['panic=5'] }).at(-1)).toBe('panic=5');
  });

  it('leaves its own word for the agent out where the caller has one of that name', () => {
    expect(kernelParameters()).toContain('agent.passfd_listener_port=1027');
    const words = kernelParameters({ extra: ['agent.passfd_listener_port=0', 'agent.log=debug'] });
    expect(words.filter((word) => word.includes('passfd'))).toEqual(['agent.passfd_listener_port=0']);
    expect(words).toContain('agent.debug_console');
  });

  it('has no word with a space, which the kernel would split', () => {
    expect(kernelParameters().filter((word) => /\s/.test(word))).toEqual([]);
  });
});
