/** Changing the limits of a container that runs. */
import type { grpc } from '../../wire/generated/proto.js';
import { cgroupFiles } from './cgroup-files.ts';
import { type CgroupWrite, writeAll } from './cgroup-write.ts';
import { badField } from './oci-spec/bad-field.ts';
import { exact, nonZero } from './oci-spec/number.ts';
import { planCpu } from './update-cpu.ts';
import { planMemory } from './update-memory.ts';
import { change, checkLimit, notApplied, UNLIMITED, type UpdateTarget } from './update-target.ts';

/** A size as the kernel spells it in the names of files. */
const PAGE_SIZE = /^\d{1,10}[KMG]B$/;

function planPids(target: UpdateTarget, pids: grpc.LinuxPids): readonly CgroupWrite[] {
  const limit = nonZero(pids.Limit);
  if (limit === undefined) return [];
  const field = 'resources.Pids.Limit';
  checkLimit(field, limit);
  return change(target, { field, given: `${limit}` }, 'pids.max', limit === UNLIMITED ? 'max' : `${limit}`);
}

/** Zero is a limit here: an entry that is there means what it says. */
function planHugepages(target: UpdateTarget, { Pagesize, Limit }: grpc.LinuxHugepageLimit): readonly CgroupWrite[] {
  const field = 'resources.HugepageLimits.Pagesize';
  if (!PAGE_SIZE.test(Pagesize)) throw badField(field, Pagesize, 'is no size such as 2MB');
  const asked = { field: `resources.HugepageLimits.Limit of ${Pagesize}`, given: `${exact(Limit)}` };
  const first = target.files.path(`hugetlb.${Pagesize}.limit_in_bytes`) !== undefined;
  const name = first ? 'limit_in_bytes' : 'max';
  // Pages are counted when they are touched, and in newer kernels also when they are reserved.
  const reserved = `hugetlb.${Pagesize}.rsvd.${name}`;
  return [
    ...change(target, asked, `hugetlb.${Pagesize}.${name}`, `${exact(Limit)}`),
    ...(target.files.path(reserved) === undefined ? [] : change(target, asked, reserved, `${exact(Limit)}`)),
  ];
}

/**
 * What a request comes to. Zero and empty leave a value alone. The rules for devices, and the limits of devices, name the
 * host's devices, and are not applied.
 * @throws KataError (INTERNAL on the wire) naming field and value.
 */
export function planUpdate(target: UpdateTarget, resources: grpc.LinuxResources): readonly CgroupWrite[] {
  if (resources.BlockIO) notApplied(target, 'resources.BlockIO', 'it names devices of the host');
  return [
    ...(resources.CPU ? planCpu(target, resources.CPU) : []),
    ...(resources.Memory ? planMemory(target, resources.Memory) : []),
    ...(resources.Pids ? planPids(target, resources.Pids) : []),
    ...resources.HugepageLimits.flatMap((limit) => planHugepages(target, limit)),
  ];
}

/**
 * Changes the limits of the cgroup that lies in `directories`: all that are asked for, or none. A limit that the guest
 * has not is left out.
 * @param warn gets a sentence for what is left out.
 * @throws KataError (INTERNAL on the wire) naming field and value of what cannot be used.
 */
export async function updateCgroup(
  directories: readonly string[],
  resources: grpc.LinuxResources,
  warn: (warning: string) => void,
): Promise<void> {
  await writeAll(planUpdate({ files: cgroupFiles(directories), warn }, resources));
}
