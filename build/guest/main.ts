/** Builds the guest image and shows its progress; for use without the command line program. */
import { KataError } from '../../src/wire/error.ts';
import { buildImage } from './image.ts';

try {
  await buildImage({ log: (line) => process.stdout.write(`${line}\n`) });
} catch (error) {
  process.stderr.write(`image: ${KataError.from(error).message}\n`);
  process.exitCode = 1;
}
