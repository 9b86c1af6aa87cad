// Credentials that something long-lived runs on: told at once when one dies.
import { refusedFor } from './refused.js';

export interface Watch {
  /** Aborted when the credential is revoked or runs out, and where it was asked for, when nobody knows; its reason is the `CredentialRefused`. */
  readonly signal: AbortSignal;
  /** Stops watching. */
  stop(): void;
  [Symbol.dispose](): void;
}

/** Why it is dead by now; undefined while it is alive. */
export type Death = () => 'ERR_REVOKED' | 'ERR_EXPIRED' | 'ERR_STALE' | undefined;

interface Watched {
  readonly death: Death;
  readonly abort: AbortController;
}

/** Between two looks at what ran out; kills are looked at as they come. */
const LOOK_EVERY_MS = 250;

export class Watches {
  readonly #watched = new Set<Watched>();
  #timer: NodeJS.Timeout | undefined;

  add(death: Death): Watch {
    const watched: Watched = { death, abort: new AbortController() };
    const stop = (): void => this.#stop(watched);
    this.#watched.add(watched);
    this.#timer ??= setInterval(() => this.look(), LOOK_EVERY_MS).unref();
    this.#lookAt(watched);
    return { signal: watched.abort.signal, stop, [Symbol.dispose]: stop };
  }

  look(): void {
    for (const watched of this.#watched) this.#lookAt(watched);
  }

  close(): void {
    for (const watched of this.#watched) this.#stop(watched);
  }

  #lookAt(watched: Watched): void {
    const code = watched.death();
    if (code === undefined) return;
    this.#stop(watched);
    watched.abort.abort(refusedFor(code));
  }

  #stop(watched: Watched): void {
    this.#watched.delete(watched);
    if (this.#watched.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
