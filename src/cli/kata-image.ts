/** `kata-sandbox kata-image`: writes the guest as Kata's own shim loads it. */
import { type Command, Option } from 'commander';
import {
  buildKataImage,
  KATA_ARCHIVE_TYPES,
  KATA_FORMS,
  KATA_ROOT_TYPES,
  type KataArchiveType,
  type KataForm,
  type KataRootType,
} from '../../build/guest/kata-image.ts';

interface KataImageFlags {
  readonly form: KataForm | 'both';
  readonly fs: KataRootType;
  readonly archiveFs?: KataArchiveType;
  readonly output: string;
}

/** Adds the command to the program. */
export function addKataImage(program: Command): void {
  program
    .command('kata-image')
    .description("Writes the guest as Kata's shim loads it: a disk for image=, an archive for initrd=, and the kernel.")
    .addOption(new Option('--form <form>', 'which').choices([...KATA_FORMS, 'both']).default('both'))
    .addOption(new Option('--fs <type>', "the disk's file system").choices(KATA_ROOT_TYPES).default('ext4'))
    .addOption(
      new Option('--archive-fs <type>', "the archive's file system (default: erofs where the kernel has it)").choices(
        KATA_ARCHIVE_TYPES,
      ),
    )
    .requiredOption('-o, --output <directory>', 'where to write; what is there is replaced')
    .action(async ({ form, fs, archiveFs, output }: KataImageFlags) => {
      const forms = form === 'both' ? KATA_FORMS : [form];
      const log = (line: string): void => void process.stderr.write(`${line}\n`);
      const archiveType = archiveFs === undefined ? {} : { archiveType: archiveFs };
      await buildKataImage({ forms, rootType: fs, ...archiveType, output, log });
    });
}
