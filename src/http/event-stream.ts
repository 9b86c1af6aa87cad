// A stream of server-sent events to one reader, who is cut off where it does not keep up.
import type { ServerResponse } from 'node:http';

/** What may wait for a reader beside the first of what it was sent, which may be large. */
const MOST_UNSENT_BYTES = 1024 * 1024;
/** A last word is waited for no longer. */
const LAST_WORD_MS = 2000;

export class EventStream {
  readonly #response: ServerResponse;
  #first = 0;
  #ended = false;

  constructor(response: ServerResponse) {
    this.#response = response;
    // Once it has caught up, nothing large is on its way any more.
    response.on('drain', () => (this.#first = 0));
  }

  /** What it begins with, however large. As they are: a copy for each who comes back would be a snapshot for each. */
  begin(frames: readonly Buffer[]): void {
    this.#first = frames.reduce((sum, frame) => sum + frame.length, 0);
    for (const frame of frames) this.#response.write(frame);
  }

  /** False where it is too far behind, and nothing was written. The same bytes are written to everybody. */
  write(frame: Buffer): boolean {
    if (this.#ended) return true;
    if (this.#response.writableLength > this.#first + MOST_UNSENT_BYTES) return false;
    this.#response.write(frame);
    return true;
  }

  end(lastWord: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#response.end(lastWord);
    const overdue = setTimeout(() => this.#response.destroy(), LAST_WORD_MS);
    this.#response.once('close', () => clearTimeout(overdue));
  }
}
