/** Answers of the API, and what an error becomes. */
import type { ServerResponse } from 'node:http';
import { type ErrorCode, KataError } from '../../wire/error.ts';

/** Statuses of errors that are the client's; every other one is 500. */
const STATUS_OF_CODE: Partial<Record<ErrorCode, number>> = {
  ERR_INVALID_ARGUMENT: 400,
  ERR_PROTOCOL: 400,
  ERR_DECODE: 400,
  ERR_UNIMPLEMENTED: 400,
  ERR_NOT_FOUND: 404,
  ERR_ALREADY_EXISTS: 409,
  ERR_FAILED_PRECONDITION: 409,
  ERR_RESOURCE_EXHAUSTED: 413,
};

/** Status of an error. */
export function statusOf(error: unknown): number {
  return STATUS_OF_CODE[KataError.from(error).code] ?? 500;
}

/** Sends a value as JSON, or the bare success that there is nothing to say. */
export function sendValue(response: ServerResponse, value: unknown): void {
  if (value === undefined) {
    response.writeHead(204).end();
    return;
  }
  sendJson(response, 200, value);
}

/** Sends an error: its text in an array, as the clients print it. */
export function sendError(response: ServerResponse, status: number, message: string): void {
  sendJson(response, status, [message]);
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length }).end(body);
}
