import { describe, expect, it } from 'vitest';
import { checkContainerId } from '../../../../src/agent/container/id.ts';

describe('checkContainerId', () => {
  it.each(['ab', 'c1', 'a.b-c_d', '3aeb5a5de372d0e508c461d5e628d318d75dddcabce62167a76b2a22075e01fd'])(
    'takes %s',
    (id) => {
      expect(() => checkContainerId(id)).not.toThrow();
    },
  );

  it.each(['', 'a', '.a', '-a', '_a', 'a/b', '..', 'a b', 'aé', 'ab\n', 'shared', 'sandbox', 'a'.repeat(256)])(
    'refuses %j',
    (id) => {
      expect(() => checkContainerId(id)).toThrow(expect.objectContaining({ status: 13 }));
    },
  );
});
