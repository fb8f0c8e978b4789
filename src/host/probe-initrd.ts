/**
 * The guest that shows whether an accelerator works: an archive whose only program prints a line and ends. It runs under
 * any kernel for x86-64, and needs nothing of the host's or the guest's own programs.
 */
import { type CpioEntry, encodeCpio } from './cpio.ts';

/** Where the kernel maps the program; any page above the lowest would do. */
const LOAD_ADDRESS = 0x400000n;
const ELF_HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const HEADERS_BYTES = ELF_HEADER_BYTES + PROGRAM_HEADER_BYTES;

/** The archive. @param line what the program prints. */
export function probeInitrd(line: string): Buffer {
  const entries: CpioEntry[] = [
    { kind: 'directory', path: 'dev' },
    { kind: 'character-device', path: 'dev/console', major: 5, minor: 1 },
    { kind: 'file', path: 'init', mode: 0o755, content: printer(Buffer.from(`${line}\n`)) },
  ];
  return encodeCpio(entries);
}

/** A static ELF executable that writes `text` to its standard output and exits with 0. */
function printer(text: Buffer): Buffer {
  const code = machineCode(text.length);
  const size = BigInt(HEADERS_BYTES + code.length + text.length);
  // elf(5): magic, 64 bits, little endian, version 1, System V.
  const header = Buffer.alloc(ELF_HEADER_BYTES);
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  header.writeUInt16LE(2, 16); // e_type: an executable
  header.writeUInt16LE(62, 18); // e_machine: x86-64
  header.writeUInt32LE(1, 20); // e_version
  header.writeBigUInt64LE(LOAD_ADDRESS + BigInt(HEADERS_BYTES), 24); // e_entry
  header.writeBigUInt64LE(BigInt(ELF_HEADER_BYTES), 32); // e_phoff
  header.writeUInt16LE(ELF_HEADER_BYTES, 52); // e_ehsize
  header.writeUInt16LE(PROGRAM_HEADER_BYTES, 54); // e_phentsize
  header.writeUInt16LE(1, 56); // e_phnum
  const program = Buffer.alloc(PROGRAM_HEADER_BYTES);
  program.writeUInt32LE(1, 0); // p_type: to be loaded
  program.writeUInt32LE(5, 4); // p_flags: read and execute
  program.writeBigUInt64LE(LOAD_ADDRESS, 16); // p_vaddr
  program.writeBigUInt64LE(LOAD_ADDRESS, 24); // p_paddr
  program.writeBigUInt64LE(size, 32); // p_filesz
  program.writeBigUInt64LE(size, 40); // p_memsz
  program.writeBigUInt64LE(0x1000n, 48); // p_align
  return Buffer.concat([header, program, code, text]);
}

/** write(1, the bytes behind this code, length); exit(0): numbers of the x86-64 system call table. */
function machineCode(length: number): Buffer {
  const size = [length & 0xff, (length >> 8) & 0xff, 0, 0];
  const tail = [
    ...[0xba, ...size], // mov edx, length
    ...[0x0f, 0x05], // syscall
    ...[0xb8, 60, 0, 0, 0], // mov eax, exit
    ...[0x31, 0xff], // xor edi, edi
    ...[0x0f, 0x05], // syscall
  ];
  return Buffer.from([
    ...[0xb8, 1, 0, 0, 0], // mov eax, write
    ...[0xbf, 1, 0, 0, 0], // mov edi, 1
    ...[0x48, 0x8d, 0x35, tail.length, 0, 0, 0], // lea rsi, [rip + what is behind the code]
    ...tail,
  ]);
}
