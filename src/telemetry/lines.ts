// Writes lines to a file descriptor without ever holding up or ending the broker: what cannot be written is lost.
import { write, writeSync } from 'node:fs';

/** What waits for a reader that is slow or a disk that is full; beyond it, lines are dropped. */
const MOST_WAITING = 1024 * 1024;
const AGAIN_MS = 100;

/**
 * Instead of pino's own destination, which ends the process when a write fails (a full disk), and then waits at the
 * exit, for ever, until it succeeds. Logs are for convenience; the record is the audit log.
 */
export class Lines {
  readonly #fd: number;
  #waiting = '';
  #busy = false;
  #lost = 0;

  constructor(fd: number) {
    this.#fd = fd;
    process.once('exit', () => this.#writeLast());
  }

  /** How many lines were lost so far. */
  get lost(): number {
    return this.#lost;
  }

  write(line: string): void {
    if (this.#waiting.length + line.length > MOST_WAITING) {
      this.#lost++;
      return;
    }
    this.#waiting += line;
    if (!this.#busy) this.#writeOn();
  }

  #writeOn(): void {
    this.#busy = this.#waiting !== '';
    if (!this.#busy) return;
    const bytes = Buffer.from(this.#waiting);
    this.#waiting = '';
    this.#writeBytes(bytes);
  }

  #writeBytes(bytes: Buffer): void {
    write(this.#fd, bytes, (error, written) => {
      if (error?.code === 'EAGAIN') {
        setTimeout(() => this.#writeBytes(bytes), AGAIN_MS).unref();
        return;
      }
      if (!error && written < bytes.length) {
        this.#writeBytes(bytes.subarray(written));
        return;
      }
      if (error) this.#lost += bytes.toString().split('\n').length - 1;
      this.#writeOn();
    });
  }

  #writeLast(): void {
    try {
      writeSync(this.#fd, this.#waiting);
    } catch {
      // Nobody is left to be told.
    }
  }
}
