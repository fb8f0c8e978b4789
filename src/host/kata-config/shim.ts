/** The releases of Kata's Go shim whose dialects are known. */

/** `2.2`: shim 2.2.0, as OpenShift 4.9 has it. `3`: shims 3.5 to 4.1. */
export const SHIMS = ['2.2', '3'] as const;
export type Shim = (typeof SHIMS)[number];
