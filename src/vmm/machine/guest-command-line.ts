/** The words for the guest's kernel: the client's own, and those without which a start is slow or mute. */
import { FAST_START_PARAMETERS } from '../../host/kernel-cmdline.ts';
import type { Accelerator } from '../../host/qemu/arguments.ts';

/** The serial line is our only view of a start that fails. The guest's words on it are few where `quiet` stands beside. */
const CONSOLE_PARAMETERS = ['console=ttyS0', 'quiet'];

/**
 * Where memory can come later the kernel expects it above 4 GiB, and sets 64 MiB aside to copy what old devices cannot
 * reach there: a quarter of the memory that a pod has by default. None of ours is so old; 2048 pieces are 4 MiB.
 */
const MEMORY_PARAMETERS = ['swiotlb=2048'];

/**
 * Completes a command line. What the client has chosen stays as it is, and comes first.
 * @param given of the client.
 */
export function guestCommandLine(given: string, accelerator: Accelerator): string {
  const words = given.split(/\s+/).filter((word) => word !== '');
  const isMute = !words.some((word) => word.startsWith('console='));
  const extra = [
    ...(isMute ? CONSOLE_PARAMETERS : []),
    ...(words.some((word) => word.startsWith('swiotlb=')) ? [] : MEMORY_PARAMETERS),
    ...(accelerator === 'tcg' ? FAST_START_PARAMETERS : []),
  ];
  return [...words, ...beforeInit(extra, words)].join(' ');
}

/** Words behind `--` are for the first program, so none can be added there. */
function beforeInit(extra: readonly string[], words: readonly string[]): string[] {
  return words.includes('--') ? [] : extra.filter((word) => !words.includes(word));
}
