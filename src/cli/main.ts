/** The command line program `kata-sandbox`. */
import { Command, CommanderError } from 'commander';
import manifest from '../../package.json' with { type: 'json' };
import { addAttach } from './attach.ts';
import { addBuild } from './build.ts';
import { addConformance } from './conformance.ts';
import { addCreate } from './create.ts';
import { addDemo } from './demo.ts';
import { addDoctor } from './doctor.ts';
import { addExec } from './exec.ts';
import { OWN_FAILURE } from './exit-status.ts';
import { addKataConfig } from './kata-config.ts';
import { addKataImage } from './kata-image.ts';
import { addKeeper } from './keeper.ts';
import { addKill } from './kill.ts';
import { addLogs } from './logs.ts';
import { addPause } from './pause.ts';
import { addPs } from './ps.ts';
import { complain } from './report.ts';
import { addRm } from './rm.ts';
import { addRun } from './run.ts';
import { addShell } from './shell.ts';
import { addWait } from './wait.ts';

const program = new Command('kata-sandbox')
  .description('Runs containers in virtual machines of their own, with or without KVM.')
  .version(manifest.version, '--version')
  .enablePositionalOptions()
  .exitOverride();
addRun(program);
addCreate(program);
addExec(program);
addAttach(program);
addLogs(program);
addPs(program);
addKill(program);
addPause(program);
addWait(program);
addRm(program);
addShell(program);
addKeeper(program);
addBuild(program);
addKataImage(program);
addKataConfig(program);
addConformance(program);
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
    complain(error);
    process.exitCode = OWN_FAILURE;
  }
}
