/** The handlers of calls about volumes. */
import Long from 'long';
import { KataError } from '../../wire/error.ts';
import { grpc } from '../../wire/generated/proto.js';
import type { Handlers } from '../../wire/ttrpc/router.ts';
import type { AgentContext } from '../context.ts';
import { measureVolume } from '../storage/volume-size.ts';

function usage(unit: grpc.VolumeUsage.Unit, { total, free }: { total: bigint; free: bigint }) {
  const long = (value: bigint): Long => Long.fromString(value.toString(), true);
  return { unit, total: long(total), available: long(free), used: long(total - free) };
}

/** Makes the handlers. */
export function volumeHandlers({ sandbox, reaper }: Pick<AgentContext, 'sandbox' | 'reaper'>) {
  return {
    GetVolumeStats: async ({ volume_guest_path: path }) => {
      if (!path.startsWith('/')) throw new KataError('ERR_INTERNAL', `volume_guest_path: "${path}" is not absolute`);
      const { bytes, inodes } = await measureVolume(reaper, path);
      const { Unit } = grpc.VolumeUsage;
      return {
        usage: [usage(Unit.BYTES, bytes), usage(Unit.INODES, inodes)],
        volume_condition: { abnormal: false, message: 'OK' },
      };
    },
    UpdateEphemeralMounts: async ({ storages }) => {
      await sandbox.updateStorages(storages);
      return {};
    },
  } satisfies Partial<Handlers<'grpc.AgentService'>>;
}
