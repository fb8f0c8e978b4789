import { describe, expect, it } from 'vitest';
import { chooseScenarios } from '../../../../src/host/conformance/choose.ts';
import { DESTROY, HANDSHAKE, PULSE } from '../../../../src/host/conformance/scenarios/sandbox.ts';
import { SCENARIOS } from '../../../../src/host/conformance/scenarios.ts';

const ALL = ['one', 'two', 'three'].map((name) => ({ name }));

describe('chooseScenarios()', () => {
  it('takes all where none is named, else those that are, in their own order', () => {
    expect(chooseScenarios(ALL, [])).toEqual(ALL);
    expect(chooseScenarios(ALL, ['three', 'one', 'one'])).toEqual([{ name: 'one' }, { name: 'three' }]);
  });

  it('names what there is not', () => {
    expect(() => chooseScenarios(ALL, ['one', 'four', 'five'])).toThrow('no scenario has the name four, five');
  });
});

describe('SCENARIOS', () => {
  it('have names of their own, which fit into the id of a container', () => {
    const names = [HANDSHAKE, PULSE, DESTROY, ...SCENARIOS].map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[a-z][a-z0-9-]{1,40}$/);
  });

  it('has those last which an agent may not survive', () => {
    const spoiling = SCENARIOS.map(({ spoils }) => spoils === true);
    expect(spoiling).toEqual(spoiling.toSorted((a, b) => Number(a) - Number(b)));
  });
});
