import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GrpcStatus, KataError } from '../../../../src/wire/error.ts';
import { ttrpc } from '../../../../src/wire/generated/proto.js';
import {
  decodeRequest,
  decodeResponse,
  decoding,
  encodeFailure,
  encodeRequest,
  encodeSuccess,
  MAX_ERROR_TEXT_LENGTH,
} from '../../../../src/wire/ttrpc/envelope.ts';
import { MAX_PAYLOAD_LENGTH } from '../../../../src/wire/ttrpc/frame.ts';

const request = { service: 's', method: 'm', payload: Buffer.from('p'), timeoutMs: undefined, metadata: new Map() };

function thrownBy(run: () => unknown): KataError {
  try {
    run();
  } catch (error) {
    if (error instanceof KataError) return error;
  }
  throw new Error('no KataError was thrown');
}

describe('request envelope', () => {
  it('survives a round trip', () => {
    const envelopes = fc.record({
      service: fc.string({ unit: 'binary' }),
      method: fc.string({ unit: 'binary' }),
      payload: fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
      timeoutMs: fc.option(fc.integer({ min: 1, max: 2 ** 31 }), { nil: undefined }),
      metadata: fc.dictionary(fc.string(), fc.string()).map((object) => new Map(Object.entries(object))),
    });
    fc.assert(
      fc.property(envelopes, (envelope) => {
        expect(decodeRequest(encodeRequest(envelope))).toEqual(envelope);
      }),
    );
  });

  it('has no deadline where the field is absent or 0', () => {
    expect(decodeRequest(encodeRequest(request)).timeoutMs).toBeUndefined();
  });

  it('never turns a short deadline into none', () => {
    for (const timeoutMs of [0, 1e-9, -5]) {
      expect(decodeRequest(encodeRequest({ ...request, timeoutMs })).timeoutMs).toBeGreaterThan(0);
    }
  });

  it('keeps the last of repeated metadata keys', () => {
    const pairs = ['1', '2'].map((value) => ({ key: 'k', value }));
    const bytes = ttrpc.Request.encode({ service: 's', metadata: pairs }).finish();
    expect(decodeRequest(bytes).metadata).toEqual(new Map([['k', '2']]));
  });

  it('refuses random bytes with INVALID_ARGUMENT, or decodes them, and throws nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        try {
          decodeRequest(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(KataError);
          expect(error).toMatchObject({ status: GrpcStatus.INVALID_ARGUMENT });
        }
      }),
    );
  });

  it('refuses a text that is not UTF-8 instead of changing it', () => {
    expect(thrownBy(() => decodeRequest(Buffer.from('0a02c328', 'hex')))).toMatchObject({ code: 'ERR_PROTOCOL' });
  });
});

describe('response envelope', () => {
  it('carries a status with code 0 and the payload', () => {
    const response = ttrpc.Response.decode(encodeSuccess(Buffer.from('reply')));
    expect(response.status?.code).toBe(0);
    expect(Buffer.from(response.payload).toString()).toBe('reply');
  });

  it('is a success without a status too', () => {
    const bytes = ttrpc.Response.encode({ payload: Buffer.from('reply') }).finish();
    expect(Buffer.from(decodeResponse(bytes)).toString()).toBe('reply');
  });

  it('is replaced by RESOURCE_EXHAUSTED where it is too long', () => {
    const error = thrownBy(() => decodeResponse(encodeSuccess(Buffer.alloc(MAX_PAYLOAD_LENGTH))));
    expect(error).toMatchObject({ code: 'ERR_RESOURCE_EXHAUSTED', status: GrpcStatus.RESOURCE_EXHAUSTED });
  });

  it('carries the status and text of a KataError', () => {
    const sent = new KataError('ERR_NOT_FOUND', 'no such container "c1"', { status: GrpcStatus.INVALID_ARGUMENT });
    const error = thrownBy(() => decodeResponse(encodeFailure(sent)));
    expect(error).toMatchObject({ code: 'ERR_INVALID_ARGUMENT', status: 3, message: 'no such container "c1"' });
  });

  it.each([
    ['an Error', new Error('boom'), 'boom'],
    ['a string', 'boom', 'boom'],
    ['undefined', undefined, 'undefined'],
    ['an object without a text', Object.create(null), 'a value was thrown that has no text'],
  ])('turns %s into INTERNAL', (_what, thrown, text) => {
    expect(thrownBy(() => decodeResponse(encodeFailure(thrown)))).toMatchObject({ status: 13, message: text });
  });

  it('cuts an endless text', () => {
    const error = thrownBy(() => decodeResponse(encodeFailure(new Error('x'.repeat(MAX_PAYLOAD_LENGTH)))));
    expect(error.message).toHaveLength(MAX_ERROR_TEXT_LENGTH);
  });

  it('keeps every status number, and takes an unknown one for UNKNOWN', () => {
    for (const status of Object.values(GrpcStatus).filter((number) => number !== GrpcStatus.OK)) {
      const bytes = encodeFailure(new KataError('ERR_INTERNAL', 'text', { status }));
      expect(thrownBy(() => decodeResponse(bytes)).status).toBe(status);
    }
    const odd = ttrpc.Response.encode({ status: { code: 99, message: 'text' } }).finish();
    expect(thrownBy(() => decodeResponse(odd))).toMatchObject({ code: 'ERR_INTERNAL', status: GrpcStatus.UNKNOWN });
  });

  it('says so where it cannot be decoded', () => {
    expect(thrownBy(() => decodeResponse(Buffer.from('ff', 'hex')))).toMatchObject({ code: 'ERR_DECODE', status: 2 });
  });
});

describe('decoding()', () => {
  it('names what could not be decoded', () => {
    const error = thrownBy(() => decoding('the request of X', () => ttrpc.Request.decode(Buffer.from('0aff', 'hex'))));
    expect(error.message).toMatch(/^cannot decode the request of X: ./);
  });
});
