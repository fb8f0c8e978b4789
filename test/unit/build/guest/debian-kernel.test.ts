import { describe, expect, it } from 'vitest';
import { kernelPackageOf } from '../../../../build/guest/debian-kernel.ts';

describe('kernelPackageOf', () => {
  it('reads name and version from the dependency', () => {
    const paragraph =
      'Package: linux-image-cloud-amd64\nDepends: linux-image-6.1.0-56-cloud-amd64 (= 6.1.192-2)\nSize: 1\n';
    expect(kernelPackageOf(paragraph)).toEqual({ name: 'linux-image-6.1.0-56-cloud-amd64', version: '6.1.192-2' });
  });

  it('is undefined where apt said nothing, or the dependency has no exact version', () => {
    expect(kernelPackageOf('')).toBeUndefined();
    expect(kernelPackageOf('Depends: linux-image-6.1.0-56-cloud-amd64\n')).toBeUndefined();
  });
});
