/** Pages of memory that are larger than usual, set aside for storages. */
import { exitCode } from '../../linux/wait.ts';
import { KataError } from '../../wire/error.ts';
import { runCommand } from '../process/command.ts';
import type { Reaper } from '../process/reaper.ts';

const HUGE_PAGES = '/sys/kernel/mm/hugepages';
/** The kernel moves other memory out of the way for each page (ms). */
const RESERVE_DEADLINE_MS = 20_000;
const BYTES_PER_KIB = 1024n;

/** What a storage needs. */
interface HugePages {
  readonly pageKib: bigint;
  readonly count: bigint;
}

/**
 * $1 directory of the page size, $2 how many more there are to be. What others have is kept; where the kernel cannot give
 * as many, all is as it was.
 */
const RESERVE = `
file=$1/nr_hugepages
read -r before < "$file" || { echo "there are no pages of that size" >&2; exit 1; }
echo $((before + $2)) > "$file"
read -r after < "$file"
[ "$after" -ge $((before + $2)) ] && exit 0
echo "$before" > "$file"
echo "only $((after - before)) pages are free" >&2
exit 1`;

/**
 * Reads `pagesize=BYTES` and `size=BYTES`, in one option or two.
 * @throws KataError (INTERNAL on the wire) naming the options.
 */
export function hugePagesOf(options: readonly string[]): HugePages {
  const words = options.flatMap((option) => option.split(','));
  const bytes = (name: string): bigint => {
    const value = words.findLast((word) => word.startsWith(`${name}=`))?.slice(name.length + 1) ?? '';
    return /^[0-9]{1,18}$/.test(value) ? BigInt(value) : 0n;
  };
  const [page, size] = [bytes('pagesize'), bytes('size')];
  if (page < BYTES_PER_KIB || page % BYTES_PER_KIB !== 0n || size < page) {
    const problem = `"${options.join(',')}" does not name pagesize and size in bytes`;
    throw new KataError('ERR_INTERNAL', `storage options: ${problem}`);
  }
  return { pageKib: page / BYTES_PER_KIB, count: size / page };
}

/**
 * Sets pages aside, beside those that there are.
 * @param root where the kernel shows its pages.
 * @throws KataError (INTERNAL on the wire) where it has no such pages, or not as many.
 */
export async function reserveHugePages(
  reaper: Reaper,
  { pageKib, count }: HugePages,
  root = HUGE_PAGES,
): Promise<void> {
  const argv = ['/bin/sh', '-c', RESERVE, 'sh', `${root}/hugepages-${pageKib}kB`, String(count)];
  const { status, stderr } = await runCommand(reaper, argv, { deadlineMs: RESERVE_DEADLINE_MS });
  if (exitCode(status) === 0) return;
  const said = stderr.toString('utf8').trim().split('\n').at(-1) ?? '';
  throw new KataError('ERR_COMMAND', `${count} huge pages of ${pageKib} KiB: ${said}`);
}
