/** A queue in which nobody waits for all that another has brought. */

/** Hands items out owner by owner, and those of one owner in their order. */
export class FairQueue<T> {
  readonly #items = new Map<string, T[]>();

  get empty(): boolean {
    return this.#items.size === 0;
  }

  push(owner: string, item: T): void {
    const items = this.#items.get(owner);
    if (items === undefined) this.#items.set(owner, [item]);
    else items.push(item);
  }

  /** Takes the next item; undefined where there is none. */
  shift(): T | undefined {
    const [first] = this.#items;
    if (first === undefined) return undefined;
    const [owner, [item, ...rest]] = first;
    // To the end of the round.
    this.#items.delete(owner);
    if (rest.length > 0) this.#items.set(owner, rest);
    return item;
  }

  /** Takes everything. */
  clear(): readonly T[] {
    const all = [...this.#items.values()].flat();
    this.#items.clear();
    return all;
  }
}
