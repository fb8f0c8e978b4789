import { duplexPair } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { garbage, RawConnection } from '../../../../src/host/conformance/raw-connection.ts';
import { KataError } from '../../../../src/wire/error.ts';
import { ServerConnection } from '../../../../src/wire/ttrpc/server-connection.ts';

function connected(): { raw: RawConnection; server: ServerConnection } {
  const [near, far] = duplexPair();
  const server = new ServerConnection(far, ({ method }) => {
    if (method === 'Good') return Promise.resolve(Buffer.alloc(0));
    return Promise.reject(new KataError('ERR_NOT_FOUND', `${method} is not here`));
  });
  return { raw: new RawConnection(near), server };
}

describe('RawConnection', () => {
  it('gets the status of each call', async () => {
    const { raw } = connected();
    expect(await raw.call(1, { service: 's', method: 'Good' })).toEqual({ code: 0, text: '' });
    expect(await raw.call(3, { service: 's', method: 'Bad' })).toEqual({ code: 5, text: 'Bad is not here' });
    expect(await raw.callOfLength(5, (4 << 20) + 1)).toMatchObject({ code: 3 });
    raw.close();
  });

  it('tells of its end to who waits', async () => {
    const { raw, server } = connected();
    const answer = raw.answer(1);
    raw.send(garbage());
    await expect(answer).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE' });
    await server.closed;
  });
});
