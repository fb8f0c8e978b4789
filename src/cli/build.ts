/** `kata-sandbox build`: makes the guest image. */
import type { Command } from 'commander';
import { buildImage } from '../../build/guest/image.ts';

/** Adds the command to the program. */
export function addBuild(program: Command): void {
  program
    .command('build')
    .description("Makes the guest image, from this machine's kernel and programs. An unchanged one is not made again.")
    .action(async () => {
      await buildImage({ log: (line) => void process.stderr.write(`${line}\n`) });
    });
}
