/** From a request to what a container is made of. Makes nothing. */
import { existsSync } from 'node:fs';
import type { grpc } from '../../wire/generated/proto.js';
import { execDefaults, runtimeOnlyReason } from '../exec/exec-plan.ts';
import type { GuestHooks } from '../sandbox/guest-hooks.ts';
import { Bundle } from './bundle.ts';
import { Cgroup, readCgroupMounts } from './cgroup.ts';
import type { ContainerPlan, PidScope } from './container.ts';
import { checkDevices, withGuestDevices } from './devices.ts';
import { checkContainerId } from './id.ts';
import { badField } from './oci-spec/bad-field.ts';
import { cgroupsPathOf } from './oci-spec/cgroups-path.ts';
import { mergeHooks } from './oci-spec/hooks.ts';
import type { SharedNamespaces } from './oci-spec/namespaces.ts';
import { convertSpec } from './oci-spec/spec.ts';
import { terminationLogOf } from './termination-log.ts';

const SELINUX_IS_ON = '/sys/fs/selinux/enforce';

/** What the sandbox has for its containers. */
export interface SandboxParts {
  /** Name of the sandbox, which is also the one of its own container; undefined where there is no sandbox. */
  readonly sandboxId: string | undefined;
  readonly shared: SharedNamespaces;
  readonly guestHooks: GuestHooks;
  /** Those with whom the container will share its pid namespace. */
  readonly pidScope: PidScope;
}

function checkRoot(path: string): string {
  if (!path.startsWith('/')) throw badField('OCI.Root.Path', path, 'is not absolute');
  if (path.split('/').includes('..')) throw badField('OCI.Root.Path', path, 'has a part ".."');
  return path;
}

/**
 * Checks a request and plans its container.
 * @throws KataError naming field and value: INTERNAL on the wire where something is wrong, UNIMPLEMENTED for what is
 *   right but not built.
 */
export function planContainer(request: grpc.CreateContainerRequest, sandbox: SandboxParts): ContainerPlan {
  const { container_id: id, OCI: oci, devices, storages } = request;
  checkContainerId(id);
  if (!oci) throw badField('OCI', null, 'is missing');
  checkDevices(devices, oci);
  if (!oci.Process) throw badField('OCI.Process', null, 'is missing');
  const cgroups = readCgroupMounts();
  const cgroupsPath = cgroupsPathOf(oci.Linux?.CgroupsPath ?? '', id);
  const hooks = mergeHooks(oci.Hooks, sandbox.guestHooks);
  const selinux = existsSync(SELINUX_IS_ON);
  const context = {
    rootPath: new Bundle(id).rootfs,
    cgroupsPath,
    cgroupVersion: cgroups.version,
    shared: sandbox.shared,
    hooks,
    selinux,
  };
  const exec = execDefaults(oci.Process);
  return {
    id,
    // With the host's devices: what is wrong in it shows before anything is waited for.
    spec: convertSpec(oci, context),
    devices,
    specWith: (found) => convertSpec(withGuestDevices(oci, found), context),
    hooks,
    root: checkRoot(oci.Root?.Path ?? ''),
    uid: oci.Process.User?.UID ?? 0,
    program: oci.Process.Args[0] ?? '',
    terminal: oci.Process.Terminal,
    ports: request,
    reportsOom: id !== sandbox.sandboxId,
    cpus: oci.Linux?.Resources?.CPU?.Cpus ?? '',
    terminationLog: terminationLogOf(oci),
    exec,
    runtimeOnly: runtimeOnlyReason(oci, exec, selinux),
    pidScope: sandbox.pidScope,
    cgroup: new Cgroup(cgroups, cgroupsPath),
    cgroupsPath,
    storages,
  };
}
