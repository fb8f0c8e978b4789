/** What the tests of the local terminal run: raw mode, then the end that the first argument names. */
import { RawTerminal } from '../../../src/cli/local-terminal.ts';
import { SignalProxy } from '../../../src/cli/signal-proxy.ts';

const ends: Record<string, () => void> = {
  return: () => process.stdin.destroy(),
  exit: () => process.exit(3),
  exception: () => {
    throw new Error('on purpose');
  },
  rejection: () => void Promise.reject(new Error('on purpose')),
  wait: () => {},
};

using _proxy = new SignalProxy(true, () => Promise.resolve());
using _raw = new RawTerminal({ rows: 24, columns: 80 }, ({ rows, columns }) =>
  process.stdout.write(`size ${rows} ${columns}\r\n`),
);
process.stdout.write('ready\r\n');
await new Promise<void>((resolve) => {
  process.stdin.on('close', resolve);
  process.stdin.on('data', (keys: Buffer) => {
    process.stdout.write(`keys ${keys.toString('hex')}\r\n`);
    if (keys.includes('.')) ends[process.argv[2] ?? '']?.();
  });
});
