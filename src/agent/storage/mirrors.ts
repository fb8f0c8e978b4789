/** Copies of small trees of the share that are kept up to date: nobody is told of changes on a share. */
import type { Logger } from '../log/logger.ts';
import { mountByChild, umountByChild } from '../process/mount-command.ts';
import { Mutex } from '../process/mutex.ts';
import type { Reaper } from '../process/reaper.ts';
import type { FileThread } from './file-thread.ts';
import { mountedType, runShareScript, SHARE_DEADLINE_MS } from './mount-point.ts';

/** Settings may be that late in a container (ms). */
const LOOK_EVERY_MS = 2_000;
/** The trees are small (ms). */
const MIRROR_DEADLINE_MS = 10_000;

/** $1 source, $2 target, which becomes what can be bound over: a directory for a directory, else a file. */
const MAKE_TARGET = `
if [ -d "$1" ]; then [ -d "$2" ] || mkdir -- "$2"
else [ -e "$2" ] || : > "$2"
fi`;

/** What the copies are made with. */
interface MirrorContext {
  readonly reaper: Reaper;
  readonly logger: Logger;
  readonly files: FileThread;
}

/** A copy. */
interface Mirror {
  readonly source: string;
  readonly target: string;
}

/** All copies of the sandbox. */
export class Mirrors {
  readonly #context: MirrorContext;
  readonly #everyMs: number;
  readonly #mirrors = new Map<string, Mirror>();
  /** A bind must not come between the look for mounts and the removal: the host's files would be removed. */
  readonly #mutex = new Mutex();
  #timer: NodeJS.Timeout | undefined;

  /** @param everyMs between two looks at the sources (ms). */
  constructor(context: MirrorContext, everyMs = LOOK_EVERY_MS) {
    this.#context = context;
    this.#everyMs = everyMs;
  }

  /**
   * Makes a copy and keeps it up to date. What is too large for that is bound to the target.
   * @param target in a directory of the guest's memory.
   * @throws KataError; nothing is left then.
   */
  async add(source: string, target: string): Promise<void> {
    await this.#mutex.run(async () => {
      const mirror = { source, target };
      try {
        if (await this.#update(mirror)) this.#mirrors.set(target, mirror);
        else await this.#bind(mirror);
      } catch (error) {
        await this.#remove(target);
        throw error;
      }
    });
    this.#schedule();
  }

  /** Ends a copy and removes it. A failure is logged. */
  async remove(target: string): Promise<void> {
    this.#mirrors.delete(target);
    await this.#mutex.run(() => this.#remove(target));
  }

  async #remove(target: string): Promise<void> {
    try {
      if (mountedType(target) !== undefined) {
        await umountByChild(this.#context.reaper, target, { lazy: true, deadlineMs: SHARE_DEADLINE_MS });
      }
      await this.#context.files.run('remove', placeOf(target), MIRROR_DEADLINE_MS);
    } catch (error) {
      this.#context.logger.warn({ error, 'mount-point': target }, 'copy not removed');
    }
  }

  /** @returns false where the source is too large. */
  #update({ source, target }: Mirror): Promise<boolean> {
    return this.#context.files.run('mirror', { source, ...placeOf(target) }, MIRROR_DEADLINE_MS);
  }

  async #bind({ source, target }: Mirror): Promise<void> {
    const { reaper, logger } = this.#context;
    logger.info({ source, 'mount-point': target }, 'too large to be copied: changes are seen, but not told of');
    await runShareScript(reaper, `mount point ${target}`, MAKE_TARGET, [source, target]);
    await mountByChild(reaper, { source, target, fstype: 'none', options: ['bind'], deadlineMs: SHARE_DEADLINE_MS });
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#mirrors.size === 0) return;
    this.#timer = setTimeout(() => void this.#lookAtAll(), this.#everyMs).unref();
  }

  async #lookAtAll(): Promise<void> {
    for (const mirror of [...this.#mirrors.values()]) await this.#mutex.run(() => this.#look(mirror));
    this.#timer = undefined;
    this.#schedule();
  }

  async #look(mirror: Mirror): Promise<void> {
    const { target } = mirror;
    // It was removed while the others had their turn.
    if (this.#mirrors.get(target) !== mirror) return;
    try {
      if (await this.#update(mirror)) return;
      this.#mirrors.delete(target);
      await this.#bind(mirror);
    } catch (error) {
      // The host is just replacing it, or does not answer; the copy stays as it is.
      this.#context.logger.debug({ error, 'mount-point': target }, 'copy not updated');
    }
  }
}

/** Where a copy is: directory and name. */
function placeOf(target: string): { readonly root: string; readonly name: string } {
  const slash = target.lastIndexOf('/');
  return { root: target.slice(0, slash), name: target.slice(slash + 1) };
}
