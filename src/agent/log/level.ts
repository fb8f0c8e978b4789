/** Log levels: what users write, what pino calls them, what a log line says. */

/** Every level, most urgent first, with pino's name and the four letters of a line. */
const LEVELS = [
  { level: 'critical', pino: 'fatal', label: 'CRIT', words: ['fatal', 'panic', 'critical'] },
  { level: 'error', pino: 'error', label: 'ERRO', words: ['error'] },
  { level: 'warning', pino: 'warn', label: 'WARN', words: ['warn', 'warning'] },
  { level: 'info', pino: 'info', label: 'INFO', words: ['info'] },
  { level: 'debug', pino: 'debug', label: 'DEBG', words: ['debug'] },
  { level: 'trace', pino: 'trace', label: 'TRCE', words: ['trace'] },
] as const;

type Level = (typeof LEVELS)[number];
/** A level as pino names it. */
export type LogLevel = Level['pino'];

/** The level for a word of the configuration; undefined for any other word. */
export function logLevelOf(word: string): LogLevel | undefined {
  return LEVELS.find((level) => (level.words as readonly string[]).includes(word))?.pino;
}

/** The four letters that a log line has for a level of pino. */
export function levelLabel(pinoLevel: string): string {
  return LEVELS.find((level) => level.pino === pinoLevel)?.label ?? 'INFO';
}
