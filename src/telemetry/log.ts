// Logs for the people who run this. The record of what was decided is the audit log, not this.
import { pino } from 'pino';
import { Lines } from './lines.js';

export type Log = Pick<pino.Logger, 'trace' | 'debug' | 'info' | 'warn' | 'error'>;

/** JSON lines on standard error: standard output belongs to commands. */
export const createLog = (level: string): Log =>
  pino(
    { level, base: { name: 'mayfly' }, timestamp: pino.stdTimeFunctions.isoTime },
    new Lines(process.stderr.fd),
  );
