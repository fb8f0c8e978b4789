/** A cgroup whose limits are changed: what a change of one value becomes. */
import type { CgroupFiles } from './cgroup-files.ts';
import type { CgroupWrite } from './cgroup-write.ts';
import { badField } from './oci-spec/bad-field.ts';

/** A field of the request and its value, in decimal. */
export interface Asked {
  readonly field: string;
  readonly given: string;
}

/** Where changes go to, and what is said about those that cannot be made. */
export interface UpdateTarget {
  readonly files: CgroupFiles;
  /** Gets a sentence for a value that is not applied. */
  readonly warn: (warning: string) => void;
}

/** No limit, as the protocol has it. */
export const UNLIMITED = -1n;

/** The change of one file; none, and a warning, where the kernel has it not. */
export function change(target: UpdateTarget, asked: Asked, file: string, text: string): readonly CgroupWrite[] {
  const path = target.files.path(file);
  if (path !== undefined) return [{ path, text, ...asked }];
  notApplied(target, asked.field, `the guest has no ${file}`);
  return [];
}

/** Says that a value is left out. */
export function notApplied(target: UpdateTarget, field: string, reason: string): void {
  target.warn(`${field}: not applied, ${reason}`);
}

/** @throws KataError (INTERNAL on the wire) for a number below -1, which means nothing. */
export function checkLimit(field: string, value: bigint | undefined): void {
  if (value !== undefined && value < UNLIMITED) throw badField(field, value.toString(), 'is less than -1 (no limit)');
}
