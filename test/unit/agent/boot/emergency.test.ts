/** What must not end the agent, and what must: each in a process of its own. */
import { describe, expect, it } from 'vitest';
import { runInNamespaces } from '../../linux/in-namespaces.ts';

const IMPORTS = {
  '../agent/boot/emergency': 'surviveUncaught, handleSignals',
  '../agent/log/log-output': 'LogOutput',
  '../agent/log/logger': 'createLogger',
};
const PAUSE = 'await new Promise((resolve) => setTimeout(resolve, 20));';

/** The messages of a log, as `LEVEL text`. */
function messages(log: string): string[] {
  return log
    .trim()
    .split('\n')
    .map((line) => (line.startsWith('{') ? `${JSON.parse(line).level} ${JSON.parse(line).msg}` : line));
}

describe('surviveUncaught', () => {
  it('logs and goes on after an exception and a rejection that nobody caught', () => {
    const body = `
      const output = new LogOutput(); surviveUncaught(createLogger(output, 'info'), output);
      setTimeout(() => { throw new Error('first'); }); Promise.reject(new Error('second')); ${PAUSE}
      console.log('alive'); process.exit(0);`;
    const printed = runInNamespaces(['-u'], IMPORTS, body);
    const crit = ['CRIT unhandled rejection; going on', 'CRIT uncaught exception; going on'];
    expect(messages(printed)).toEqual([...crit, 'alive']);
    expect(printed).toMatch(/ERR_INTERNAL: first/);
    expect(printed).toMatch(/ERR_INTERNAL: second/);
  });

  it('goes on even where logging fails', () => {
    const body = `
      const output = new LogOutput();
      const broken = { fatal() { throw new Error('no log'); } };
      surviveUncaught(broken, output);
      setTimeout(() => { throw new Error('lost'); }); ${PAUSE}
      console.log('alive'); process.exit(0);`;
    expect(runInNamespaces(['-u'], IMPORTS, body)).toMatch(/uncaught exception: Error: lost; .*no log\nalive\n$/);
  });
});

describe('handleSignals', () => {
  const body = (isInit: boolean): string => `
      const output = new LogOutput();
      handleSignals(${isInit}, createLogger(output, 'info'), () => console.log('shutdown'));
      for (const signal of ['SIGHUP', 'SIGUSR2', 'SIGTERM']) process.kill(process.pid, signal);
      ${PAUSE} console.log('alive'); process.exit(0);`;

  it('leaves on SIGTERM where it is an ordinary process', () => {
    const printed = messages(runInNamespaces(['-u'], IMPORTS, body(false)));
    expect(printed).toEqual(['INFO signal received; leaving', 'shutdown', 'alive']);
  });

  it('ignores it as PID 1', () => {
    expect(messages(runInNamespaces(['-u'], IMPORTS, body(true)))).toEqual(['INFO signal ignored', 'alive']);
  });
});

describe('endMachine', () => {
  it('syncs by a child, powers off, and never comes back', () => {
    // reboot(2): in a pid namespace of its own, power-off kills the namespace's PID 1 by SIGINT.
    const run = (): string =>
      runInNamespaces(
        ['-p', '-f', '-m', '--mount-proc'],
        { '../agent/boot/leave': 'endMachine', '../agent/log/log-output': 'LogOutput' },
        `endMachine(new LogOutput()); console.error('came back');`,
      );
    expect(run).toThrow(/^status (null, signal SIGINT|130, signal null): $/);
  });

  it('exits where the kernel refuses to power off, and says so', () => {
    const run = (): string =>
      runInNamespaces(
        ['-p', '-f', '--', 'setpriv', '--bounding-set=-sys_boot', '--inh-caps=-sys_boot'],
        { '../agent/boot/leave': 'endMachine', '../agent/log/log-output': 'LogOutput' },
        `endMachine(new LogOutput(2));`,
      );
    expect(run).toThrow(/^status 1, signal null: kata-agent: power off: .*reboot: EPERM\n$/);
  });
});
