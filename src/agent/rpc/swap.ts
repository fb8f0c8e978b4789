/** The handlers of AddSwap and AddSwapPath. */
import { printable } from '../../linux/cstring.ts';
import { exitCode } from '../../linux/wait.ts';
import { KataError } from '../../wire/error.ts';
import type { Handlers } from '../../wire/ttrpc/router.ts';
import { badField } from '../container/oci-spec/bad-field.ts';
import type { AgentContext } from '../context.ts';
import { BlockDevices } from '../device/block-devices.ts';
import { runCommand } from '../process/command.ts';

const SWAPON = '/sbin/swapon';
/** A disk that does not answer holds up the one who asks it for its header (ms). */
const SWAPON_DEADLINE_MS = 20_000;

/** A PCI bus has 32 slots. */
const SLOTS = 32;
const HEX = 16;

/** Slots from the first root bus on, as the text of a PCI path. @throws KataError (INTERNAL on the wire). */
function pathOf(slots: readonly number[]): string {
  if (slots.length === 0 || slots.some((slot) => slot >= SLOTS)) {
    throw badField('PCIPath', slots, `is no way of slots, each below ${SLOTS}`);
  }
  return slots.map((slot) => slot.toString(HEX).padStart(2, '0')).join('/');
}

/** Makes the handlers. */
export function swapHandlers(context: Pick<AgentContext, 'reaper' | 'logger' | 'uevents' | 'config'>) {
  const disks = new BlockDevices(context);
  const swapOn = async (path: string): Promise<void> => {
    const result = await runCommand(context.reaper, [SWAPON, '--', path], { deadlineMs: SWAPON_DEADLINE_MS });
    const code = exitCode(result.status);
    if (code === 0) return;
    const said = result.stderr.toString('utf8').trim().split('\n')[0] ?? '';
    throw new KataError('ERR_COMMAND', `swapon ${printable(path)}: ${said === '' ? `exit status ${code}` : said}`);
  };
  return {
    AddSwap: async ({ PCIPath: slots }) => {
      const { path } = await disks.byPciPath(pathOf(slots));
      await swapOn(path);
      return {};
    },
    AddSwapPath: async ({ path }) => {
      if (!path.startsWith('/')) throw badField('path', path, 'is not absolute');
      await swapOn(path);
      return {};
    },
  } satisfies Partial<Handlers<'grpc.AgentService'>>;
}
