import { describe, expect, it } from 'vitest';
import { commandOf, EMPTY_CONFIG, parseImageConfig } from '../../../../src/host/image-store/root-image.ts';

describe('parseImageConfig()', () => {
  it('reads what decides the run', () => {
    const config = { Entrypoint: ['/e'], Cmd: ['c'], Env: ['A=1'], WorkingDir: '/w', User: 'web:logs' };
    expect(parseImageConfig(JSON.stringify({ config }))).toEqual({
      entrypoint: ['/e'],
      cmd: ['c'],
      env: ['A=1'],
      cwd: '/w',
      user: 'web:logs',
    });
  });

  it.each([
    '{}',
    '[]',
    'null',
    '{"config":null}',
    '{"config":{"Entrypoint":"x","Cmd":[1],"Env":null,"WorkingDir":"rel","User":3}}',
  ])('takes what is absent or of another type as nothing: %s', (text) => {
    expect(parseImageConfig(text)).toEqual(EMPTY_CONFIG);
  });
});

describe('commandOf()', () => {
  const config = { ...EMPTY_CONFIG, entrypoint: ['/e'], cmd: ['c'] };

  it("puts the entry point before the user's command, or before the image's own", () => {
    expect(commandOf(config, ['x', 'y'])).toEqual(['/e', 'x', 'y']);
    expect(commandOf(config, [])).toEqual(['/e', 'c']);
    expect(commandOf(EMPTY_CONFIG, [])).toEqual([]);
  });
});
