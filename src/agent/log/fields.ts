/** Log fields as strings. */
import { KataError } from '../../wire/error.ts';

/** One field shall not fill the log: a request can carry a value of megabytes (characters). */
const MAX_FIELD_LENGTH = 8192;

function describeError(error: Error): string {
  const { code, cause } = error instanceof KataError ? error : KataError.from(error);
  const head = `${code}: ${error.message}`;
  // The place matters only for what nobody foresaw.
  const stack = code === 'ERR_INTERNAL' && error.stack !== undefined ? `\n${error.stack}` : '';
  const origin = cause instanceof Error && cause !== error ? `\ncaused by ${describeError(cause)}` : '';
  return head + stack + origin;
}

function jsonValue(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value instanceof Error) return describeError(value);
  if (typeof value !== 'object' || value === null) return String(value);
  try {
    return JSON.stringify(value, jsonValue);
  } catch {
    // A cycle: its shape does not matter enough to lose the line.
    return String(value);
  }
}

/** The text of one field: strings as they are, errors with code and causes, all else as JSON; cut where too long. */
export function fieldText(value: unknown): string {
  const text = textOf(value);
  return text.length <= MAX_FIELD_LENGTH ? text : `${text.slice(0, MAX_FIELD_LENGTH)}... (${text.length} characters)`;
}

/** The same fields with every value as text; fields that are undefined are left out. */
export function stringFields(fields: object): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const [key, value] of Object.entries(fields)) {
    if (value !== undefined) texts[key] = fieldText(value);
  }
  return texts;
}
