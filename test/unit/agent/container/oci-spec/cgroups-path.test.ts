import { describe, expect, it } from 'vitest';
import { cgroupsOverlap, cgroupsPathOf } from '../../../../../src/agent/container/oci-spec/cgroups-path.ts';

describe('cgroupsPathOf', () => {
  it.each([
    ['/kubepods/pod1/c1', '/kubepods/pod1/c1'],
    ['kubepods//c1/', '/kubepods/c1'],
    ['kubepods.slice:crio:c1', '/kubepods.slice/crio/c1'],
    ['', '/the-id'],
  ])('%j is %j', (given, path) => {
    expect(cgroupsPathOf(given, 'the-id')).toBe(path);
  });

  it.each(['/', '//', ':::', '/a/../..', '.'])('refuses %j: everything in it will be killed', (given) => {
    expect(() => cgroupsPathOf(given, 'the-id')).toThrow('names no cgroup below the root');
  });
});

describe('cgroupsOverlap', () => {
  it.each([
    ['/a', '/a', true],
    ['/a', '/a/b', true],
    ['/a/b', '/a', true],
    ['/a/b', '/a/bc', false],
    ['/a/b', '/a/c', false],
  ])('%s and %s: %s', (one, other, expected) => {
    expect(cgroupsOverlap(one, other)).toBe(expected);
  });
});
