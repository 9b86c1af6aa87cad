// The broker's public keys, from one key set: fetched again when they age or an unknown one is named, never in a storm.
import type { KeyObject } from 'node:crypto';
import type { SignatureAlgorithm } from '../../jws/algorithms.js';
import { KeySet } from '../../jws/key-set.js';
import { whyNot } from '../client/channel.js';

const FRESH_MS = 5 * 60_000;
const LEAST_FRESH_MS = 10_000;
const MOST_FRESH_MS = 60 * 60_000;
/** Between two fetches, whatever is asked meanwhile: garbage must not make us hammer the broker. */
const COOL_DOWN_MS = 2000;
const PATIENCE_MS = 5000;
const MOST_CHARACTERS = 1024 * 1024;

export interface KeysOptions {
  readonly url: string;
  readonly fetch: typeof fetch;
  /** Milliseconds that have passed. */
  readonly elapsed: () => number;
  readonly unreachable: (reason: string) => void;
}

export class Keys {
  readonly #options: KeysOptions;
  #keys = new KeySet([]);
  #text = '';
  #generation = 0;
  #freshUntil = -Infinity;
  #triedAt = -Infinity;
  #fetching: Promise<void> | undefined;
  #fetched = false;

  constructor(options: KeysOptions) {
    this.#options = options;
  }

  /** At least once. */
  get fetched(): boolean {
    return this.#fetched;
  }

  /** Another number whenever the broker's keys have changed: what was verified by an earlier one is to be verified anew. */
  get generation(): number {
    return this.#generation;
  }

  /** Fetches them again where they have aged: asked from time to time, as credentials that are known ask for no key. */
  keepFresh(): Promise<void> | undefined {
    const isFresh = this.#fetched && this.#options.elapsed() < this.#freshUntil;
    return isFresh ? undefined : this.refresh();
  }

  /** At once where it is known; else after a fetch, unless it is too soon for one. */
  find(kid: string, algorithm: SignatureAlgorithm): KeyObject | undefined | Promise<KeyObject | undefined> {
    const known = this.#keys.find(kid, algorithm);
    return known ?? this.refresh()?.then(() => this.#keys.find(kid, algorithm));
  }

  /** The fetch that is under way, or a new one; undefined while it is too soon for that. Never rejects. */
  refresh(): Promise<void> | undefined {
    if (this.#fetching) return this.#fetching;
    const now = this.#options.elapsed();
    if (now - this.#triedAt < COOL_DOWN_MS) return undefined;
    this.#triedAt = now;
    this.#fetching = this.#fetch().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #fetch(): Promise<void> {
    try {
      const response = await this.#options.fetch(this.#options.url, {
        headers: { accept: 'application/jwk-set+json, application/json' },
        // Keys from wherever somebody points would be somebody's keys.
        redirect: 'manual',
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`answered with status ${response.status}`);
      this.#read(text);
      this.#freshUntil = this.#options.elapsed() + freshMsOf(response.headers.get('cache-control'));
      this.#fetched = true;
    } catch (error) {
      this.#freshUntil = this.#options.elapsed() + LEAST_FRESH_MS;
      this.#options.unreachable(whyNot(error));
    }
  }

  /** Each for the one algorithm that it states: the others it would fit it was not made for (RFC 8725 §3.1). */
  #read(text: string): void {
    if (text === this.#text) return;
    if (text.length > MOST_CHARACTERS) throw new Error('a key set without end');
    const { keys } = JSON.parse(text) as { keys?: unknown };
    if (!Array.isArray(keys)) throw new Error('no key set');
    this.#keys = new KeySet(keys.filter(isNamed));
    this.#text = text;
    this.#generation++;
  }
}

function isNamed(jwk: unknown): boolean {
  const { kid, alg } = (jwk ?? {}) as { kid?: unknown; alg?: unknown };
  return typeof kid === 'string' && typeof alg === 'string';
}

function freshMsOf(cacheControl: string | null): number {
  const [, seconds] = /(?:^|[\s,])max-age=(\d{1,9})/i.exec(cacheControl ?? '') ?? [];
  if (seconds === undefined) return FRESH_MS;
  return Math.min(Math.max(Number(seconds) * 1000, LEAST_FRESH_MS), MOST_FRESH_MS);
}
