import { describe, expect, it } from 'vitest';
import { convertCapabilities } from '../../../../../src/agent/container/spec/capabilities.ts';

describe('convertCapabilities', () => {
  it('gives none where the request has no sets', () => {
    const none = { bounding: [], effective: [], inheritable: [], permitted: [], ambient: [] };
    expect(convertCapabilities(null, () => {})).toEqual(none);
  });
});
