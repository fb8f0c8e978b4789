import { describe, expect, it } from 'vitest';
import { KataError } from '../../../../src/wire/error.ts';
import { google, grpc } from '../../../../src/wire/generated/proto.js';
import { Router } from '../../../../src/wire/ttrpc/router.ts';
import type { ServerCall } from '../../../../src/wire/ttrpc/server.ts';

function call(service: string, method: string, payload: Uint8Array = Buffer.alloc(0)): ServerCall {
  return { service, method, payload, metadata: new Map([['k', 'v']]), signal: new AbortController().signal };
}

describe('Router', () => {
  it('decodes the request, passes the context, and encodes the response', async () => {
    const request = grpc.SignalProcessRequest.encode({ container_id: 'c1', signal: 9 }).finish();
    const sent = call('grpc.AgentService', 'SignalProcess', request);
    const seen: unknown[] = [];
    const router = new Router().register('grpc.AgentService', {
      SignalProcess: ({ container_id, exec_id, signal }, context) => {
        seen.push(container_id, exec_id, signal, context.metadata.get('k'), context.signal === sent.signal);
        return {};
      },
    });
    expect(google.protobuf.Empty.decode(await router.dispatch(sent))).toEqual({});
    expect(seen).toEqual(['c1', '', 9, 'v', true]);
  });

  it('encodes what an asynchronous handler gives', async () => {
    const router = new Router().register('grpc.AgentService', { WaitProcess: () => Promise.resolve({ status: 137 }) });
    const bytes = await router.dispatch(call('grpc.AgentService', 'WaitProcess'));
    expect(grpc.WaitProcessResponse.decode(bytes).status).toBe(137);
  });

  it.each([
    ['an unknown service', 'grpc.Nothing', 'Check', 3, 'grpc.Nothing service does not exist'],
    ['an unknown method', 'grpc.AgentService', 'Fly', 12, 'Fly method'],
    ['a name that every object has', 'grpc.AgentService', 'constructor', 12, 'constructor method'],
    ['a service name that every object has', '__proto__', 'Check', 3, '__proto__ service does not exist'],
    [
      'a method that is not built',
      'grpc.AgentService',
      'SetPolicy',
      12,
      '/grpc.AgentService/SetPolicy is not supported',
    ],
  ])('refuses %s', async (_what, service, method, status, message) => {
    await expect(new Router().dispatch(call(service, method))).rejects.toMatchObject({ status, message });
  });

  it('says why a method has no handler, and of others nothing', async () => {
    const router = new Router().refuse('grpc.AgentService', { SetPolicy: 'there is no engine' });
    await expect(router.dispatch(call('grpc.AgentService', 'SetPolicy'))).rejects.toMatchObject({
      status: 12,
      message: '/grpc.AgentService/SetPolicy is not supported: there is no engine',
    });
    await expect(router.dispatch(call('grpc.AgentService', 'AddSwap'))).rejects.toMatchObject({
      message: '/grpc.AgentService/AddSwap is not supported',
    });
  });

  it('answers UNKNOWN for a request that is not the method’s, and does not run the handler', async () => {
    let ran = false;
    const router = new Router().register('grpc.AgentService', {
      StartContainer: () => {
        ran = true;
        return {};
      },
    });
    const dispatched = router.dispatch(call('grpc.AgentService', 'StartContainer', Buffer.from('0aff', 'hex')));
    await expect(dispatched).rejects.toMatchObject({
      code: 'ERR_DECODE',
      status: 2,
      message: expect.stringContaining('cannot decode the request of StartContainer: '),
    });
    expect(ran).toBe(false);
  });

  it.each([
    ['a byte that no character begins with', '61ff'],
    ['half a character', '61c3'],
    ['a surrogate', 'eda080'],
    ['an overlong form', 'c0af'],
  ])('refuses a string with %s, and never changes it', async (_what, hex) => {
    const router = new Router().register('grpc.AgentService', { StartContainer: () => ({}) });
    // Field 1, container_id.
    const payload = Buffer.from(`0a${(hex.length / 2).toString(16).padStart(2, '0')}${hex}`, 'hex');
    const dispatched = router.dispatch(call('grpc.AgentService', 'StartContainer', payload));
    await expect(dispatched).rejects.toMatchObject({ code: 'ERR_DECODE', message: expect.stringContaining('utf-8') });
  });

  it('passes on what the handler throws', async () => {
    const error = new KataError('ERR_NOT_FOUND', 'no such process');
    const router = new Router().register('grpc.AgentService', { WaitProcess: () => Promise.reject(error) });
    await expect(router.dispatch(call('grpc.AgentService', 'WaitProcess'))).rejects.toBe(error);
  });

  it('joins handlers that are registered in parts', async () => {
    const router = new Router()
      .register('grpc.AgentService', { GetMetrics: () => ({ metrics: 'one' }) })
      .register('grpc.AgentService', { GetOOMEvent: () => ({ container_id: 'c1' }) })
      .register('grpc.Health', { Check: () => ({ status: grpc.HealthCheckResponse.ServingStatus.SERVING }) });
    const metrics = grpc.Metrics.decode(await router.dispatch(call('grpc.AgentService', 'GetMetrics')));
    const health = grpc.HealthCheckResponse.decode(await router.dispatch(call('grpc.Health', 'Check')));
    expect([metrics.metrics, health.status]).toEqual(['one', 1]);
  });
});
