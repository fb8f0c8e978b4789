import { describe, expect, it } from 'vitest';
import { FairQueue } from '../../../../src/agent/exec/fair-queue.ts';

describe('FairQueue', () => {
  it('serves owners in turn, and each in its order', () => {
    const queue = new FairQueue<number>();
    for (const item of [1, 2, 3]) queue.push('greedy', item);
    queue.push('modest', 10);
    expect([queue.shift(), queue.shift()]).toEqual([1, 10]);
    queue.push('modest', 11);
    expect([queue.shift(), queue.shift(), queue.shift(), queue.shift()]).toEqual([2, 11, 3, undefined]);
    expect(queue.empty).toBe(true);
  });

  it('gives up all at once', () => {
    const queue = new FairQueue<number>();
    queue.push('a', 1);
    queue.push('b', 2);
    expect(queue.clear()).toEqual([1, 2]);
    expect(queue.empty).toBe(true);
    expect(queue.shift()).toBeUndefined();
  });
});
