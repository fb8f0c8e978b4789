import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GuestMemory, type RegionFile, type Span } from '../../../../src/host/vsock/guest-memory.ts';

const PAGE = 4096;

describe('GuestMemory', () => {
  let directory = '';
  let file = '';
  let fd = -1;
  let memory: GuestMemory;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'guest-memory-test-'));
    file = join(directory, 'ram');
    fd = openSync(file, 'w+');
    ftruncateSync(fd, 8 * PAGE);
    memory = new GuestMemory();
  });
  afterEach(() => {
    memory.clear();
    closeSync(fd);
    rmSync(directory, { recursive: true });
  });

  const region = (guestPage: number, pages: number, filePage: number): RegionFile => ({
    fd,
    place: {
      guestAddress: guestPage * PAGE,
      size: pages * PAGE,
      userAddress: 0x7000_0000_0000 + filePage * PAGE,
      fileOffset: filePage * PAGE,
    },
  });
  const mappings = (): number => readFileSync('/proc/self/maps', 'utf8').split(file).length - 1;
  const spansOf = (address: number, length: number): Span[] => {
    const spans: Span[] = [];
    memory.guestSpans(address, length, spans);
    return spans;
  };

  it('finds guest addresses, over the border of regions that adjoin', () => {
    memory.add(region(0, 1, 4));
    memory.add(region(1, 2, 0));
    const spans = spansOf(PAGE - 10, 30);
    expect(spans.map(({ offset, length }) => [offset, length])).toEqual([
      [PAGE - 10, 10],
      [0, 20],
    ]);
    spans[1]?.bytes.fill(7, 0, 1);
    expect(memory.userView(0x7000_0000_0000, 1).getUint8(0)).toBe(7);
  });

  it.each([
    [0, 1],
    [3 * PAGE - 1, 2],
    [3 * PAGE, 1],
    [PAGE - 1, 2],
    [Number.MAX_SAFE_INTEGER, 0xffffffff],
  ])('refuses %d + %d bytes outside the regions', (address, length) => {
    memory.add(region(1, 2, 0));
    expect(() => spansOf(address, length)).toThrow(expect.objectContaining({ code: 'ERR_PROTOCOL' }));
    expect(() => memory.guestView(address, length)).toThrow(expect.objectContaining({ code: 'ERR_PROTOCOL' }));
  });

  it('replaces all or nothing', () => {
    memory.replace([region(0, 1, 0), region(1, 1, 1)]);
    expect(mappings()).toBeGreaterThan(0);
    expect(() => memory.replace([region(4, 1, 2), region(5, 9, 0)])).toThrow(/not inside the file/);
    expect(spansOf(0, 2 * PAGE)).toHaveLength(2);
    memory.replace([region(4, 1, 2)]);
    expect(() => spansOf(0, 1)).toThrow();
    expect(spansOf(4 * PAGE, PAGE)).toHaveLength(1);
  });

  it('unmaps what is replaced, removed or cleared', () => {
    memory.replace([region(0, 1, 0)]);
    const one = mappings();
    memory.replace([region(1, 1, 0)]);
    expect(mappings()).toBe(one);
    const [span] = spansOf(PAGE, 1);
    memory.remove(region(1, 1, 0).place);
    expect(mappings()).toBe(0);
    expect(span?.bytes.length).toBe(0);
    memory.add(region(0, 1, 0));
    memory.clear();
    expect(mappings()).toBe(0);
  });

  it('refuses regions that overlap in the guest', () => {
    memory.add(region(1, 2, 0));
    expect(() => memory.add(region(2, 1, 4))).toThrow(/overlaps/);
    memory.add(region(3, 1, 4));
  });
});
