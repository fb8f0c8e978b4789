/** A plan's capabilities as a thread can give them to its children. */
import { capabilityMask } from '../../linux/capability.ts';
import type { ExecCapabilities } from './starter.ts';

/** What decides which capabilities a program has after its exec; capabilities(7), "Transformation". */
export interface CapabilityBits {
  readonly bounding: bigint;
  readonly inheritable: bigint;
  readonly ambient: bigint;
}

/**
 * The sets as bits.
 * @returns undefined where a thread cannot bring them about: a name is unknown, or a set exceeds one that bounds it. The
 *   runtime then says what is wrong, or has its way.
 */
export function capabilityBits(capabilities: ExecCapabilities): CapabilityBits | undefined {
  const bounding = capabilityMask(capabilities.bounding);
  const effective = capabilityMask(capabilities.effective);
  const permitted = capabilityMask(capabilities.permitted);
  const inheritable = capabilityMask(capabilities.inheritable);
  const ambient = capabilityMask(capabilities.ambient);
  if (bounding === undefined || effective === undefined || permitted === undefined) return undefined;
  if (inheritable === undefined || ambient === undefined) return undefined;
  if ((effective & ~permitted) !== 0n || (inheritable & ~bounding) !== 0n) return undefined;
  // An ambient capability has to be in both; runtimes leave one out that is not.
  return { bounding, inheritable, ambient: ambient & inheritable & permitted };
}
