import { describe, expect, it } from 'vitest';
import {
  flagWords,
  kernelOptions,
  mountArguments,
  numberOption,
  optionValue,
} from '../../../../src/agent/storage/options.ts';
import { MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_RELATIME, MS_REMOUNT } from '../../../../src/linux/mount.ts';

describe('mountArguments', () => {
  it('sorts words into flags and data', () => {
    expect(mountArguments(['noexec', 'nosuid', 'nodev', 'mode=1777', 'size=67108864'])).toEqual({
      flags: MS_NOEXEC | MS_NOSUID | MS_NODEV,
      data: 'mode=1777,size=67108864',
    });
  });

  it('lets later words win', () => {
    expect(mountArguments(['ro', 'rw']).flags).toBe(0);
    expect(mountArguments(['rw', 'ro', 'defaults']).flags).toBe(MS_RDONLY);
  });

  it('takes each element whole', () => {
    expect(mountArguments(['lowerdir=/a:/b,upperdir=/c']).data).toBe('lowerdir=/a:/b,upperdir=/c');
  });
});

describe('flagWords', () => {
  it("are the flags among a mount's options, which a remount keeps where it does not name them", () => {
    const present = flagWords('rw,nosuid,noexec,relatime,size=64k,mode=755,inode64');
    expect(present).toEqual(['rw', 'nosuid', 'noexec', 'relatime']);
    expect(mountArguments([...present, 'remount', 'exec', 'size=128k'])).toEqual({
      flags: MS_REMOUNT | MS_NOSUID | MS_RELATIME,
      data: 'size=128k',
    });
  });
});

describe('kernelOptions', () => {
  it('leaves out what is for the agent', () => {
    expect(kernelOptions(['io.katacontainers.fs-opt.x', '', 'dax'])).toEqual(['dax']);
  });

  it('refuses loop', () => {
    expect(() => kernelOptions(['loop'])).toThrow('"loop" is not supported');
  });
});

describe('numberOption', () => {
  it('reads modes and ids', () => {
    expect([numberOption(['mode=0777'], 'mode', 8), numberOption(['fsgid=010'], 'fsgid', 10)]).toEqual([0o777, 10]);
    expect(numberOption(['xmode=1'], 'mode', 8)).toBeUndefined();
  });

  it.each(['mode=', 'mode=9', 'mode=-1', 'mode=0x1'])('refuses %s', (option) => {
    expect(() => numberOption([option], 'mode', 8)).toThrow(`storage options: ${option} is no number`);
  });
});

it('takes the last of several values', () => {
  expect(optionValue(['a=1', 'a=2=3'], 'a')).toBe('2=3');
});
