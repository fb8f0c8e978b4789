/** The Linux part of a container's specification. */
import type { grpc } from '../../../wire/generated/proto.js';
import { badField } from './bad-field.ts';
import { convertDevice } from './devices.ts';
import type { JsonObject } from './json.ts';
import type { Namespace } from './namespaces.ts';
import { nonEmpty } from './number.ts';
import { convertResources } from './resources.ts';
import { convertSeccomp } from './seccomp.ts';

const PROPAGATIONS: ReadonlySet<string> = new Set([
  'shared',
  'rshared',
  'slave',
  'rslave',
  'private',
  'rprivate',
  'unbindable',
  'runbindable',
]);
/** Mounts that the guest makes later show up in the container; the container's own do not leave it. */
const DEFAULT_PROPAGATION = 'rslave';

/** What the rest of the specification says about this part. */
export interface LinuxContext {
  readonly namespaces: readonly Namespace[];
  readonly cgroupsPath: string;
  readonly cgroupVersion: 1 | 2;
  readonly selinux: boolean;
  /** Parameters that the runtime sets. */
  readonly sysctl: JsonObject;
  readonly warn: (warning: string) => void;
}

function convertMapping(mapping: grpc.LinuxIDMapping): JsonObject {
  return { hostID: mapping.HostID, containerID: mapping.ContainerID, size: mapping.Size };
}

function rootfsPropagation(given: string): string {
  if (given !== '' && !PROPAGATIONS.has(given)) {
    throw badField('Linux.RootfsPropagation', given, 'is no kind of propagation');
  }
  return given === '' ? DEFAULT_PROPAGATION : given;
}

function checkNeeds(linux: grpc.Linux, types: ReadonlySet<string>): void {
  const needs = (field: string, values: readonly unknown[], type: string): void => {
    if (values.length > 0 && !types.has(type)) throw badField(field, values, `needs a namespace of type ${type}`);
  };
  needs('Linux.MaskedPaths', linux.MaskedPaths, 'mount');
  needs('Linux.ReadonlyPaths', linux.ReadonlyPaths, 'mount');
  needs('Linux.UIDMappings', linux.UIDMappings, 'user');
  needs('Linux.GIDMappings', linux.GIDMappings, 'user');
  if (types.has('user') && (linux.UIDMappings.length === 0 || linux.GIDMappings.length === 0)) {
    throw badField('Linux.Namespaces.Type', 'user', 'needs UIDMappings and GIDMappings');
  }
}

/**
 * Converts the Linux part.
 * @throws KataError (INTERNAL on the wire) naming field and value.
 */
export function convertLinux(linux: grpc.Linux, context: LinuxContext): JsonObject {
  checkNeeds(linux, new Set(context.namespaces.map(({ type }) => type)));
  return {
    uidMappings: linux.UIDMappings.length === 0 ? undefined : linux.UIDMappings.map(convertMapping),
    gidMappings: linux.GIDMappings.length === 0 ? undefined : linux.GIDMappings.map(convertMapping),
    sysctl: context.sysctl,
    resources: convertResources(linux.Resources, linux.Devices, context.cgroupVersion, context.warn),
    cgroupsPath: context.cgroupsPath,
    namespaces: context.namespaces,
    devices: linux.Devices.map(convertDevice),
    seccomp: linux.Seccomp ? convertSeccomp(linux.Seccomp) : undefined,
    rootfsPropagation: rootfsPropagation(linux.RootfsPropagation),
    maskedPaths: linux.MaskedPaths,
    readonlyPaths: linux.ReadonlyPaths,
    mountLabel: context.selinux ? nonEmpty(linux.MountLabel) : undefined,
    intelRdt: linux.IntelRdt?.L3CacheSchema ? { l3CacheSchema: linux.IntelRdt.L3CacheSchema } : undefined,
  };
}
