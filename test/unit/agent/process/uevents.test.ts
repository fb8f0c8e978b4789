import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createLogger } from '../../../../src/agent/log/logger.ts';
import { UeventListener } from '../../../../src/agent/process/uevents.ts';

const NULL_DEVICE = '/devices/virtual/mem/null';

describe('UeventListener', () => {
  it('hands events to who is subscribed, until it is not', async () => {
    const listener = new UeventListener(createLogger({ write: () => {} }, 'fatal'));
    listener.start();
    try {
      let early = 0;
      const end = listener.subscribe(() => {
        early += 1;
      });
      end();
      const seen = new Promise((resolve) => {
        listener.subscribe((event) => {
          if (event.devpath === NULL_DEVICE) resolve(event.action);
        });
      });
      writeFileSync(`/sys${NULL_DEVICE}/uevent`, 'change');
      expect(await seen).toBe('change');
      expect(early).toBe(0);
    } finally {
      listener.stop();
    }
  });
});
