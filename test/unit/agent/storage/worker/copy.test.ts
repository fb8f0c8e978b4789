import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { copy } from '../../../../../src/agent/storage/worker/copy.ts';
import type { CopyContent, CopyJob } from '../../../../../src/agent/storage/worker/job.ts';

let base: string;
let root: string;
let outside: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'copy-'));
  root = join(base, 'root');
  outside = join(base, 'outside');
  mkdirSync(root);
  mkdirSync(outside);
  writeFileSync(join(outside, 'secret'), 'untouched');
});
afterEach(() => rmSync(base, { recursive: true }));

const DEFAULTS = { directoryMode: 0o750, uid: 7, gid: 8 };
const put = (path: string, content: CopyContent, more: Partial<CopyJob> = {}): void =>
  copy({ ...DEFAULTS, root, names: path.split('/'), content, ...more });
const file = (text: string, mode = 0o640): CopyContent => {
  const data = Buffer.from(text);
  return { kind: 'part', mode, size: data.length, offset: 0, data };
};
const part = (offset: number, text: string, size: number): CopyContent => ({
  kind: 'part',
  mode: 0o600,
  size,
  offset,
  data: Buffer.from(text),
});
const link = (target: string): CopyContent => ({ kind: 'link', target: Buffer.from(target) });
const at = (path: string): string => join(root, path);
const facts = (path: string) => {
  const { mode, uid, gid } = lstatSync(at(path));
  return { mode: mode & 0o7777, uid, gid };
};

describe('copy', () => {
  it('puts a file with mode and owner, and makes the directories on the way', () => {
    put('a/b/c.txt', file('hello', 0o4755));
    expect(readFileSync(at('a/b/c.txt'), 'utf8')).toBe('hello');
    expect(facts('a/b/c.txt')).toEqual({ mode: 0o4755, uid: 7, gid: 8 });
    // The owner is that of the directory which has the file, and of no other.
    expect(facts('a/b')).toEqual({ mode: 0o750, uid: 7, gid: 8 });
    expect(facts('a')).toEqual({ mode: 0o750, uid: 0, gid: 0 });
    expect(readdirSync(at('a/b'))).toEqual(['c.txt']);
  });

  it('gives modes as they are, whatever the umask, and keeps those of directories that are there', () => {
    put('d/x', file('1', 0o666), { directoryMode: 0o777 });
    put('d/y', file('1'), { directoryMode: 0o700, uid: 9 });
    expect([facts('d/x').mode, facts('d')]).toEqual([0o666, { mode: 0o777, uid: 9, gid: 8 }]);
  });

  it('shows a file of several parts when it is complete, and the one before until then', () => {
    writeFileSync(at('f.txt'), 'old');
    put('f.txt', part(0, 'abc', 9));
    put('f.txt', part(3, 'def', 9));
    expect(readFileSync(at('f.txt'), 'utf8')).toBe('old');
    put('f.txt', part(6, 'ghi', 9));
    expect(readFileSync(at('f.txt'), 'utf8')).toBe('abcdefghi');
    expect(readdirSync(root)).toEqual(['f.txt']);
  });

  it('keeps files apart whose names differ at the end only', () => {
    for (const name of ['a.x', 'a.y', 'a']) put(name, part(0, `${name}1`.slice(-2), 4));
    for (const name of ['a', 'a.y', 'a.x']) put(name, part(2, `${name}2`.slice(-2), 4));
    expect(['a', 'a.x', 'a.y'].map((name) => readFileSync(at(name), 'utf8'))).toEqual(['a1a2', 'x1x2', 'y1y2']);
  });

  it('takes a part again, and begins anew with the first', () => {
    put('f', part(0, 'XXX', 6));
    put('f', part(0, 'abc', 6));
    put('f', part(1, 'BC', 6));
    put('f', part(3, 'def', 6));
    expect(readFileSync(at('f'), 'utf8')).toBe('aBCdef');
  });

  it('refuses a part whose predecessor is not there', () => {
    expect(() => put('f', part(3, 'def', 6))).toThrow('offset: 3, but the part before it is not there');
    put('f', part(0, 'a', 6));
    expect(() => put('f', part(3, 'def', 6))).toThrow('offset: 3, but only 1 bytes of the file are there');
    expect(existsSync(at('f'))).toBe(false);
  });

  it('puts an empty file', () => {
    put('empty', file(''));
    expect(statSync(at('empty')).size).toBe(0);
  });

  it('takes names of any length that a file can have', () => {
    const name = 'n'.repeat(255);
    put(name, file('x'));
    expect(readdirSync(root)).toEqual([name]);
  });

  it('puts a directory over a file, and keeps one that is there with its content', () => {
    writeFileSync(at('d'), 'a file');
    put('d', { kind: 'directory', mode: 0o2770 });
    expect(facts('d')).toEqual({ mode: 0o2770, uid: 7, gid: 8 });
    writeFileSync(at('d/kept'), '');
    put('d', { kind: 'directory', mode: 0o700 });
    expect([facts('d').mode, readdirSync(at('d'))]).toEqual([0o700, ['kept']]);
  });

  it('puts a link over whatever is there, in bytes', () => {
    const target = Buffer.from([0x2f, 0xff, 0x80]);
    mkdirSync(at('l/deep/er'), { recursive: true });
    put('l', { kind: 'link', target });
    expect(readlinkSync(at('l'), { encoding: 'buffer' })).toEqual(target);
    put('l', link('..data/key'));
    expect(readlinkSync(at('l'))).toBe('..data/key');
    expect(facts('l')).toMatchObject({ uid: 7, gid: 8 });
  });

  it('puts a file over a directory and over a link, and not through the link', () => {
    mkdirSync(at('d/e/f'), { recursive: true });
    put('d', file('now a file'));
    expect(readFileSync(at('d'), 'utf8')).toBe('now a file');
    symlinkSync(join(outside, 'secret'), at('l'));
    put('l', file('mine'));
    expect([lstatSync(at('l')).isFile(), readFileSync(join(outside, 'secret'), 'utf8')]).toEqual([true, 'untouched']);
  });

  it('follows links on the way as if the root were all there is', () => {
    mkdirSync(at('real'));
    symlinkSync('real', at('relative'));
    symlinkSync('/real', at('absolute'));
    symlinkSync('../../../../real', at('up'));
    for (const name of ['relative', 'absolute', 'up']) put(`${name}/${name}.txt`, file('x'));
    expect(readdirSync(at('real')).toSorted()).toEqual(['absolute.txt', 'relative.txt', 'up.txt']);
  });

  it('leaves the owner alone where there is none', () => {
    put('f', file('x'), { uid: 4_294_967_295, gid: 4_294_967_295 });
    expect(facts('f')).toMatchObject({ uid: 0, gid: 0 });
  });

  it('is not held up by a named pipe in the place of a part, nor led astray by a link there', async () => {
    put('f', part(0, 'abc', 6));
    const [hidden] = readdirSync(root).filter((name) => name.startsWith('.'));
    expect(hidden).toMatch(/^\.[0-9a-f]{32}\.kata-part$/);
    const place = at(hidden ?? '');
    rmSync(place);
    symlinkSync(join(outside, 'secret'), place);
    expect(() => put('f', part(3, 'def', 6))).toThrow('ELOOP');
    rmSync(place);
    const made = spawn('mkfifo', [place]);
    await once(made, 'exit');
    expect(() => put('f', part(3, 'def', 6))).toThrow('ENXIO');
    expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('untouched');
  });
});

describe('hostile paths', () => {
  /** Everything outside, as one text. */
  const world = (): string => {
    const lines: string[] = [];
    const walk = (directory: string): void => {
      for (const name of readdirSync(directory).toSorted()) {
        const path = join(directory, name);
        if (path === root) continue;
        const { mode, uid, gid, size } = lstatSync(path);
        lines.push([path, mode, uid, gid, size].join(' '));
        if (lstatSync(path).isDirectory()) walk(path);
      }
    };
    walk(base);
    return [...lines, readFileSync(join(outside, 'secret'), 'utf8')].join('\n');
  };
  const CONTENTS: readonly CopyContent[] = [
    file('owned'),
    link('/etc'),
    { kind: 'directory', mode: 0o777 },
    part(0, 'own', 5),
  ];
  const ARRANGEMENTS: readonly (readonly [name: string, arrange: () => void, path: string])[] = [
    ['an absolute link as directory', () => symlinkSync(outside, at('l')), 'l/secret'],
    ['an absolute link as file', () => symlinkSync(join(outside, 'secret'), at('l')), 'l'],
    ['a relative link as directory', () => symlinkSync('../outside', at('l')), 'l/secret'],
    ['a relative link as file', () => symlinkSync('../outside/secret', at('l')), 'l'],
    [
      'a chain of links',
      () => {
        symlinkSync('m', at('l'));
        symlinkSync('../outside', at('m'));
      },
      'l/secret',
    ],
    ['a link of /proc to the root', () => symlinkSync('/proc/self/root', at('l')), `l${'/x'}`],
    ['a link of /proc to the working directory', () => symlinkSync('/proc/self/cwd', at('l')), 'l/x'],
    ['a loop', () => symlinkSync('l', at('l')), 'l/x'],
    ['a dead link', () => symlinkSync(join(outside, 'new'), at('l')), 'l/x'],
    [
      'a link far below',
      () => {
        mkdirSync(at('a/b/c'), { recursive: true });
        symlinkSync('../../../../outside', at('a/b/c/l'));
      },
      'a/b/c/l/secret',
    ],
  ];

  // Ten arrangements with four kinds of content.
  for (const [name, arrange, path] of ARRANGEMENTS) {
    for (const content of CONTENTS) {
      const kind =
        content.kind === 'part' && content.size === 5 && content.data.length < 5 ? 'half a file' : content.kind;
      it(`${name}, ${kind}: change nothing outside`, () => {
        arrange();
        const before = world();
        try {
          put(path, content);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
        expect(world()).toBe(before);
      });
    }
  }

  it('a directory that is swapped for a link all the time: nothing outside is ever written', async () => {
    mkdirSync(at('real'));
    const script = 'cd "$1"; while :; do mv real d; mv d real; ln -s ../outside d; rm d; done';
    const swapper = spawn('sh', ['-c', script, 'sh', root], { stdio: 'ignore' });
    const before = world();
    try {
      let done = 0;
      for (let tries = 0; tries < 2_000; tries += 1) {
        try {
          put('d/secret', file('owned'));
          done += 1;
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }
      expect(done).toBeGreaterThan(0);
      expect(world()).toBe(before);
    } finally {
      swapper.kill('SIGKILL');
      await once(swapper, 'exit');
    }
  });

  it('a tree that is too deep is not removed, and does no harm', () => {
    const deep = 'd/'.repeat(300);
    mkdirSync(at(`x/${deep}`), { recursive: true });
    expect(() => put('x', file('x'))).toThrow('more than 256 levels');
    chmodSync(at('x'), 0o755);
    put('y', file('y'));
    expect(readFileSync(at('y'), 'utf8')).toBe('y');
  });
});
