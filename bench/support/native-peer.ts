/** Runs programs in the namespaces of an agent on this machine: a line with arguments in JSON in, a line with the time out. */
import { createInterface } from 'node:readline';
import { answerRun } from '../../test/integration/guest/run-once.ts';

createInterface(process.stdin).on('line', (line) => {
  void answerRun(line).then((answer) => process.stdout.write(answer));
});
