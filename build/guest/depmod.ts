/** Runs depmod, which writes the index of a tree of kernel modules. */
import { findProgram, mustRun } from '../../src/host/program.ts';
import { KataError } from '../../src/wire/error.ts';

/** depmod reads some ten thousand symbols; this only stops a hang. */
const DEPMOD_TIMEOUT_MS = 120_000;

/**
 * Writes modules.dep and its like below `root/lib/modules/<version>`.
 * @throws KataError ERR_HOST where depmod is missing.
 */
export async function indexModules(root: string, version: string): Promise<void> {
  const depmod = findProgram('depmod', ['/usr/sbin/depmod', '/sbin/depmod']);
  if (depmod === undefined) throw new KataError('ERR_HOST', 'the program depmod (package kmod) is missing');
  await mustRun([depmod, '-b', root, version], { timeoutMs: DEPMOD_TIMEOUT_MS });
}
