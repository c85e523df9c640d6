/**
 * Logs to standard error: one JSON object a line, or plain text where a person is looking.
 */
import type { LogSink } from '../agent/ports.ts';

export function createStderrLog(form: 'json' | 'text'): LogSink {
  return {
    write(level, message, fields) {
      const time = new Date().toISOString();
      if (form === 'json') {
        process.stderr.write(`${JSON.stringify({ time, level, message, ...fields })}\n`);
        return;
      }
      const details = Object.entries(fields).map(([key, value]) => ` ${key}=${printValue(value)}`);
      process.stderr.write(`${time.slice(11, 19)} ${level.padEnd(5)} ${message}${details.join('')}\n`);
    },
  };
}

function printValue(value: unknown): string {
  return typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}
