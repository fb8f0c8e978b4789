import { describe, expect, it, vi } from 'vitest';
import { onlineCpus, waitForCpus } from '../../../../src/agent/hotplug/cpus.ts';
import { HotplugDevices } from '../../../../src/agent/hotplug/devices.ts';
import { createLogger } from '../../../../src/agent/log/logger.ts';
import { TemporaryFiles } from '../temporary-files.ts';

const quiet = createLogger({ write: () => {} }, 'fatal');

describe('waitForCpus', () => {
  it('answers when enough are in use', async () => {
    using files = new TemporaryFiles({ 'cpu/online': '0-3\n', 'cpu/cpu3/online': '1\n' });
    await waitForCpus(new HotplugDevices('cpu', quiet, files.root), 4, files.root);
    expect(onlineCpus(files.root)).toBe('0-3');
  });

  it('puts to use what is there, and waits for what is not', async () => {
    using files = new TemporaryFiles({ 'cpu/online': '0\n', 'cpu/cpu1/online': '0\n' });
    const cpus = new HotplugDevices('cpu', quiet, files.root);
    const waiting = waitForCpus(cpus, 3, files.root);
    await vi.waitFor(() => expect(files.read('cpu/cpu1/online').trim()).toBe('1'));
    files.write('cpu/cpu2/online', '0\n');
    await vi.waitFor(() => expect(files.read('cpu/cpu2/online').trim()).toBe('1'));
    files.write('cpu/online', '0-2\n');
    await waiting;
  });

  it('names the number that did not come, even where the kernel does not answer', async () => {
    using files = new TemporaryFiles({ 'cpu/online': '0-1\n' });
    const hung = { onlineAll: () => new Promise<void>(() => {}) };
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    try {
      // Reason for the cast: the one method that is called.
      const waiting = waitForCpus(hung as HotplugDevices, 3, files.root);
      const end = expect(waiting).rejects.toMatchObject({
        status: 13,
        message: expect.stringMatching(/^nb_cpus: 3 .* 2$/),
      });
      await vi.advanceTimersByTimeAsync(5_100);
      await end;
    } finally {
      vi.useRealTimers();
    }
  });
});
