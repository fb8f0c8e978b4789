import { expect, it } from 'vitest';
import { tomlLocator } from '../../../../src/host/kata-config/toml-lines.ts';

const TEXT = `# one
top = 1
[a.b] # comment
key = """
fake = 1
[fake]
"""
'quoted key' = [
  "x",
]
[ "c d" . e ]
f.g = 2
inline = { h = 3 }
[[list]]
x = 1
`;

it.each([
  [['top'], 2],
  [['a', 'b'], 3],
  [['a', 'b', 'key'], 4],
  [['a', 'b', 'quoted key', 0], 8],
  [['c d', 'e', 'f', 'g'], 12],
  [['c d', 'e', 'inline', 'h'], 13],
  [['list', 0, 'x'], 15],
  [['a', 'b', 'fake'], 3],
  [['fake'], undefined],
  [[], undefined],
])('finds %j', (path, line) => expect(tomlLocator(TEXT)(path)).toBe(line));
