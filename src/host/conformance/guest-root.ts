/**
 * The root of a scenario's containers, put into the guest by CopyFile: what the shim does where host and guest share
 * nothing. So an agent's address is all that is needed.
 */
import { constants, readFileSync } from 'node:fs';
import Long from 'long';
import { KataError } from '../../wire/error.ts';
import type { grpc } from '../../wire/generated/proto.js';
import type { AgentClient } from '../../wire/ttrpc/agent-client.ts';
import { findProgram } from '../program.ts';
import { GUEST_SHARE } from '../share.ts';

/** Where it is in the guest. */
export const GUEST_ROOT = `${GUEST_SHARE}/conformance/rootfs`;

const { S_IFDIR, S_IFLNK, S_IFREG } = constants;
/** Bytes of a file that one call carries: as many as the shim gives it. */
export const COPY_BYTES = 1 << 20;
/** The shim's mode of directories on the way, with the mark by which Go tells a directory. */
const DIR_MODE = 0x8000_0000 + 0o755;

const DIRECTORIES = ['bin', 'dev', 'etc', 'proc', 'sys', 'root', 'run', 'data'];
const APPLETS = (
  'sh cat chmod dd echo env false grep head hostname id kill ln ls mkdir od printf pwd readlink rm seq sha256sum sleep ' +
  'stat stty sync test touch tr true tty wc'
).split(' ');
const ETC_FILES: Readonly<Record<string, string>> = {
  passwd: 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/:/bin/sh\n',
  group: 'root:x:0:\nuser:x:1000:\n',
};

/** Something to be copied. */
export type CopyItem =
  | { readonly kind: 'directory'; readonly mode: number }
  | { readonly kind: 'link'; readonly target: string }
  | { readonly kind: 'file'; readonly mode: number; readonly content: Uint8Array };

/** Owner of what is copied. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** The requests that copy something, in their order. An empty file takes one as well. */
export function copyRequests(path: string, item: CopyItem, owner: Owner = { uid: 0, gid: 0 }): grpc.ICopyFileRequest[] {
  const common = { path, dir_mode: DIR_MODE, ...owner };
  switch (item.kind) {
    case 'directory':
      return [{ ...common, file_mode: S_IFDIR | item.mode }];
    case 'link':
      return [{ ...common, file_mode: S_IFLNK | 0o777, data: Buffer.from(item.target) }];
    case 'file': {
      const { content, mode } = item;
      const starts = Array.from(
        { length: Math.max(1, Math.ceil(content.length / COPY_BYTES)) },
        (_, n) => n * COPY_BYTES,
      );
      return starts.map((offset) => ({
        ...common,
        file_mode: S_IFREG | mode,
        file_size: Long.fromNumber(content.length),
        offset: Long.fromNumber(offset),
        data: content.subarray(offset, offset + COPY_BYTES),
      }));
    }
  }
}

/** Copies something into the guest. @throws KataError as the agent answers. */
export async function copyIn(
  { agent }: Pick<AgentClient, 'agent'>,
  path: string,
  item: CopyItem,
  owner?: Owner,
): Promise<void> {
  for (const request of copyRequests(path, item, owner)) await agent.CopyFile(request);
}

/**
 * Copies the root: this machine's static busybox, its links, and what a program expects to be there.
 * @throws KataError ERR_HOST where there is no busybox; as the agent answers.
 */
export async function copyRoot(calls: AgentClient): Promise<void> {
  const busybox = findProgram('busybox', ['/usr/bin/busybox', '/bin/busybox']);
  if (busybox === undefined) throw new KataError('ERR_HOST', 'busybox is missing (package busybox-static)');
  for (const name of DIRECTORIES) await copyIn(calls, `${GUEST_ROOT}/${name}`, { kind: 'directory', mode: 0o755 });
  await copyIn(calls, `${GUEST_ROOT}/tmp`, { kind: 'directory', mode: 0o1777 });
  const content = readFileSync(busybox);
  await copyIn(calls, `${GUEST_ROOT}/bin/busybox`, { kind: 'file', mode: 0o755, content });
  for (const name of APPLETS) await copyIn(calls, `${GUEST_ROOT}/bin/${name}`, { kind: 'link', target: 'busybox' });
  for (const [name, text] of Object.entries(ETC_FILES)) {
    await copyIn(calls, `${GUEST_ROOT}/etc/${name}`, { kind: 'file', mode: 0o644, content: Buffer.from(text) });
  }
}
