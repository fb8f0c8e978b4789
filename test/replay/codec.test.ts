/** What a stock shim puts on the wire, our protocol code reads and writes byte for byte. */
import { describe, expect, it } from 'vitest';
import { RECORDINGS, readRecording } from './recording.ts';
import { methodOf } from './replayer.ts';

/** Calls of all recordings: a fixture that lost lines must not pass. */
const CALLS = 144;

describe('recorded calls', () => {
  it('are decoded and encoded to the same bytes', () => {
    const calls = RECORDINGS.flatMap((name) => readRecording(name));
    for (const call of calls) {
      const { request } = methodOf(call);
      const again = Buffer.from(request.encode(request.decode(call.payload)).finish());
      expect(again.toString('hex'), `${call.scenario}: ${call.method}`).toBe(call.payload.toString('hex'));
    }
    expect(calls).toHaveLength(CALLS);
    const bytes = calls.reduce((sum, { payload }) => sum + payload.length, 0);
    console.log(`replay: ${calls.length} recorded payloads (${bytes} bytes) decode and encode to the same bytes`);
  });
});
