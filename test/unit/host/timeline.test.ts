import { describe, expect, it } from 'vitest';
import { type Phase, Timeline } from '../../../src/host/timeline.ts';

describe('Timeline', () => {
  it('notes each phase once, and tells of it', () => {
    const told: Phase[] = [];
    const timeline = new Timeline((phase) => told.push(phase));
    timeline.reach('agent ready');
    const at = timeline.at('agent ready');
    timeline.reach('agent ready');
    expect(told).toEqual(['agent ready']);
    expect(timeline.at('agent ready')).toBe(at);
    expect(timeline.at('gone')).toBeUndefined();
  });
});
