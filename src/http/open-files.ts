// How many files and sockets this process may have open.
import { readFileSync } from 'node:fs';

/** Infinity where the system does not tell: then it is for whoever runs us to know. */
export function mostOpenFiles(): number {
  try {
    const [, soft] = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return soft === undefined ? Infinity : Number(soft);
  } catch {
    return Infinity;
  }
}
