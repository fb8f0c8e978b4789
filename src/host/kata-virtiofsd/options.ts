/**
 * The options of the two programs that are called virtiofsd, and which of them means which: QEMU's C program up to 7.2
 * (`virtiofsd --help`, docs/tools/virtiofsd.rst) and the Rust one that followed it (its README and `--help`).
 */

/** Whether an option of one program can be left out where the other does not have it. */
export interface Stranger {
  /** `refuse`: the share would not be what was asked for. `leave-out`: only speed, hardening or logging differ. */
  readonly otherwise: 'refuse' | 'leave-out';
  readonly reason: string;
}

/** An option of either or both. */
export interface FsOption {
  /** Name for messages, and key of the setting. */
  readonly name: string;
  /**
   * - `switch`: on or off, such as `-o xattr`, `-o no_xattr`, `--xattr`, `--no-readdirplus`;
   * - `value`: has a value;
   * - `list`: has a value and may be given several times.
   */
  readonly kind: 'switch' | 'value' | 'list';
  /** Word of the `-o` lists, which the C program takes and the Rust one knows for compatibility. */
  readonly word?: string;
  /** Further spellings of the word. */
  readonly aliases?: readonly string[];
  /** Option with two dashes, without them. */
  readonly long?: string;
  /** True where the C program takes the long form too. */
  readonly longInC?: boolean;
  /** Set where the C program has nothing of the kind. */
  readonly notInC?: Stranger;
  /** Set where the Rust program has nothing of the kind. */
  readonly notInRust?: Stranger;
  /** Value -> its name in the C program; the values that are allowed. Absent: any. */
  readonly values?: Readonly<Record<string, ValueName>>;
  /** Other spellings of values, such as `none` for `never`. */
  readonly valueAliases?: Readonly<Record<string, string>>;
  /** What any value must look like. */
  readonly pattern?: { readonly expression: RegExp; readonly wanted: string };
}

/** A value's name in the C program, or the nearest one it has, or why it has none. */
type ValueName = string | { readonly nearest: string } | Stranger;

const WHOLE = { expression: /^\d{1,9}$/, wanted: 'a whole number' } as const;
const SOME_TEXT = { expression: /./s, wanted: 'not empty' } as const;

const leaveOut = (reason: string): Stranger => ({ otherwise: 'leave-out', reason });
const refuse = (reason: string): Stranger => ({ otherwise: 'refuse', reason });

const OTHER_OWNERS = refuse('files would have other owners');
const ONLY_SPEED = leaveOut('it changes only speed');
const NO_MIGRATION = leaveOut('Kata does not migrate');

/** Every option but those that only ask for something to be printed. */
export const FS_OPTIONS: readonly FsOption[] = [
  // Where and how
  { name: 'shared-dir', kind: 'value', word: 'source', long: 'shared-dir', pattern: SOME_TEXT },
  { name: 'fd', kind: 'value', long: 'fd', longInC: true, pattern: WHOLE },
  { name: 'socket-path', kind: 'value', long: 'socket-path', longInC: true, pattern: SOME_TEXT },
  { name: 'socket-group', kind: 'value', long: 'socket-group', longInC: true, pattern: SOME_TEXT },
  { name: 'thread-pool-size', kind: 'value', long: 'thread-pool-size', longInC: true, pattern: WHOLE },
  { name: 'rlimit-nofile', kind: 'value', long: 'rlimit-nofile', longInC: true, pattern: WHOLE },
  { name: 'syslog', kind: 'switch', long: 'syslog', longInC: true },
  {
    name: 'log-level',
    kind: 'value',
    word: 'log_level',
    aliases: ['loglevel'],
    long: 'log-level',
    values: {
      error: 'err',
      warn: 'warn',
      info: 'info',
      debug: 'debug',
      trace: { nearest: 'debug' },
      off: { nearest: 'err' },
    },
    valueAliases: { err: 'error' },
  },
  {
    name: 'sandbox',
    kind: 'value',
    word: 'sandbox',
    long: 'sandbox',
    values: {
      namespace: 'namespace',
      chroot: 'chroot',
      none: refuse('it always confines itself'),
    },
  },
  { name: 'modcaps', kind: 'value', word: 'modcaps', long: 'modcaps', pattern: SOME_TEXT },

  // What the guest sees
  {
    name: 'cache',
    kind: 'value',
    word: 'cache',
    long: 'cache',
    // metadata: nothing of a file's content is cached, which is what none of the others but `none` promises.
    values: { auto: 'auto', always: 'always', never: 'none', metadata: { nearest: 'none' } },
    valueAliases: { none: 'never' },
  },
  { name: 'xattr', kind: 'switch', word: 'xattr', long: 'xattr' },
  { name: 'xattrmap', kind: 'value', word: 'xattrmap', long: 'xattrmap', pattern: SOME_TEXT },
  { name: 'posix-acl', kind: 'switch', word: 'posix_acl', long: 'posix-acl' },
  { name: 'security-label', kind: 'switch', word: 'security_label', long: 'security-label' },
  { name: 'writeback', kind: 'switch', word: 'writeback', long: 'writeback' },
  { name: 'allow-direct-io', kind: 'switch', word: 'allow_direct_io', long: 'allow-direct-io' },
  { name: 'announce-submounts', kind: 'switch', word: 'announce_submounts', long: 'announce-submounts' },
  { name: 'killpriv-v2', kind: 'switch', word: 'killpriv_v2', long: 'killpriv-v2' },
  { name: 'readdirplus', kind: 'switch', word: 'readdirplus', long: 'readdirplus' },

  // Only in the C program
  { name: 'posix_lock', kind: 'switch', word: 'posix_lock', notInRust: refuse('locks stay inside the guest') },
  { name: 'flock', kind: 'switch', word: 'flock', notInRust: refuse('locks stay inside the guest') },
  { name: 'timeout', kind: 'value', word: 'timeout', notInRust: ONLY_SPEED },
  { name: 'max_idle_threads', kind: 'value', word: 'max_idle_threads', pattern: WHOLE, notInRust: ONLY_SPEED },
  { name: 'allow_root', kind: 'switch', word: 'allow_root', notInRust: leaveOut('it has no effect here') },

  // Only in the Rust program
  { name: 'readonly', kind: 'switch', long: 'readonly', notInC: refuse('the guest could write') },
  { name: 'uid-map', kind: 'list', long: 'uid-map', notInC: OTHER_OWNERS },
  { name: 'gid-map', kind: 'list', long: 'gid-map', notInC: OTHER_OWNERS },
  { name: 'translate-uid', kind: 'list', long: 'translate-uid', notInC: OTHER_OWNERS },
  { name: 'translate-gid', kind: 'list', long: 'translate-gid', notInC: OTHER_OWNERS },
  { name: 'allow-mmap', kind: 'switch', long: 'allow-mmap', notInC: leaveOut('the cache mode decides') },
  { name: 'inode-file-handles', kind: 'value', long: 'inode-file-handles', notInC: leaveOut('it keeps files open') },
  { name: 'seccomp', kind: 'value', long: 'seccomp', notInC: leaveOut('it always confines itself') },
  { name: 'tag', kind: 'value', long: 'tag', notInC: leaveOut('the machine names the tag') },
  { name: 'preserve-noatime', kind: 'switch', long: 'preserve-noatime', notInC: ONLY_SPEED },
  { name: 'migration-mode', kind: 'value', long: 'migration-mode', notInC: NO_MIGRATION },
  { name: 'migration-on-error', kind: 'value', long: 'migration-on-error', notInC: NO_MIGRATION },
  { name: 'migration-verify-handles', kind: 'switch', long: 'migration-verify-handles', notInC: NO_MIGRATION },
  { name: 'migration-confirm-paths', kind: 'switch', long: 'migration-confirm-paths', notInC: NO_MIGRATION },
];
