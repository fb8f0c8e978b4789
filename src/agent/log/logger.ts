/** The agent's logger: one flat JSON object a line, every value a string. */
import { pino } from 'pino';
import { VERSION } from '../version.ts';
import { stringFields } from './fields.ts';
import { type LogLevel, levelLabel } from './level.ts';

/** Logs a message, with fields beside it; an error goes into the field `error`. */
type LogMethod = (...line: [message: string] | [fields: object, message?: string]) => void;

/** What the rest of the agent logs with. */
export interface Logger extends Readonly<Record<LogLevel, LogMethod>> {
  /** A logger whose every line has `fields`; `container-id` and `exec-id` are names that the host side knows. */
  child(fields: object): Logger;
}

/** Where finished lines go. Takes them at once and never throws. */
export interface LogSink {
  /** @param line one line with its newline. */
  write(line: string): void;
}

/** Makes the logger. Host-side parsers need `pid` as text, `ts` as RFC 3339, and `name` and `source` as they are here. */
export function createLogger(sink: LogSink, level: LogLevel): Logger {
  const logger: Logger = pino(
    {
      level,
      messageKey: 'msg',
      base: {
        version: VERSION,
        subsystem: 'agent',
        pid: String(process.pid),
        name: 'kata-agent',
        source: 'agent',
      },
      timestamp: () => `,"ts":"${new Date().toISOString()}"`,
      formatters: {
        level: (name) => ({ level: levelLabel(name) }),
        bindings: stringFields,
        log: stringFields,
      },
    },
    sink,
  );
  const { child } = logger;
  // pino does not apply `formatters.bindings` to the fields of a child. Children have their parent as prototype, so one
  // replacement serves all generations.
  const childWithText = function (this: Logger, fields: object): Logger {
    return child.call(this, stringFields(fields));
  };
  return Object.assign(logger, { child: childWithText });
}
