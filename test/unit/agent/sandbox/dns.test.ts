import { describe, expect, it } from 'vitest';
import { resolvConf } from '../../../../src/agent/sandbox/dns.ts';

describe('resolvConf', () => {
  it('keeps the lines as they are, but for the white space around them', () => {
    expect(resolvConf(['search svc.local ', '\tnameserver 10.0.0.10', ''])).toBe(
      'search svc.local\nnameserver 10.0.0.10\n',
    );
  });
});
