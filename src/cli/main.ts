/** The command line program `kata-sandbox`. */
import { Command, CommanderError } from 'commander';
import manifest from '../../package.json' with { type: 'json' };
import { KataError } from '../wire/error.ts';
import { addBuild } from './build.ts';
import { addDemo } from './demo.ts';
import { addDoctor } from './doctor.ts';
import { OWN_FAILURE } from './exit-status.ts';
import { addRun } from './run.ts';

const program = new Command('kata-sandbox')
  .description('Runs containers in virtual machines of their own, with or without KVM.')
  .version(manifest.version, '--version')
  .enablePositionalOptions()
  .exitOverride();
addRun(program);
addBuild(program);
addDoctor(program);
addDemo(program);
for (const command of program.commands) command.exitOverride();

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // It has printed help or what is wrong already.
    process.exitCode = error.exitCode === 0 ? 0 : OWN_FAILURE;
  } else {
    process.stderr.write(`kata-sandbox: ${KataError.from(error).message}\n`);
    process.exitCode = OWN_FAILURE;
  }
}
