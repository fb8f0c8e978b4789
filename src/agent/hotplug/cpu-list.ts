/** Lists of processors, as the kernel writes them: `0-2,7`; cpuset(7), "List format". */

/** How many processors a list names; the kernel names none twice. */
export function countCpus(list: string): number {
  let count = 0;
  for (const range of list.trim().split(',')) {
    const [first, last = first] = range.split('-').map(Number);
    if (range !== '' && first !== undefined && last !== undefined) count += last - first + 1;
  }
  return count;
}
