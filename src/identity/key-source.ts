// Where an issuer's keys come from: cached, fetched again when they age or an unknown one is named, never in a storm.
import type { KeyObject } from 'node:crypto';
import type { Clock } from '../domain/clock.js';
import { digestOf } from '../domain/digest.js';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../domain/duration.js';
import { Refusal } from '../domain/refusal.js';
import type { SignatureAlgorithm } from '../jws/algorithms.js';
import { discoverJwksUri } from './discovery.js';
import type { Fetch } from './document.js';
import { fetchDocument } from './document.js';
import { KeySet } from './key-set.js';
import type { TrustedIssuer } from './trust.js';

/** After this the keys are fetched again, while the known ones still serve. */
const FRESH_MS = 5 * MINUTE_MS;
/** An issuer that is down keeps its known keys for so long, and no longer. */
const STALE_MS = HOUR_MS;
/** Between two fetches, whatever is asked meanwhile: garbage must not make us hammer an issuer. */
const COOL_DOWN_MS = 10 * SECOND_MS;

type Source = Pick<TrustedIssuer, 'issuer' | 'jwksUri' | 'jwks'>;

export class KeySource {
  readonly #source: Source;
  readonly #fetch: Fetch;
  readonly #clock: Clock;
  #keys: KeySet | undefined;
  #digest = '';
  #version = 0;
  #fetchedAt = -Infinity;
  #triedAt = -Infinity;
  #why = '';
  #fetching: Promise<void> | undefined;

  constructor(source: Source, fetch: Fetch, clock: Clock) {
    this.#source = source;
    this.#fetch = fetch;
    this.#clock = clock;
    if (source.jwks) this.#keys = new KeySet(source.jwks.keys);
  }

  /** Changes whenever the keys do: what was verified under another version must be verified again. */
  get version(): number {
    if (this.#keys && this.#ageMs() > STALE_MS) this.#forget();
    return this.#version;
  }

  /** At once where the key is known; else after a fetch, if one is not too soon. */
  find(
    kid: string | undefined,
    algorithm: SignatureAlgorithm,
  ): KeyObject | Refusal | Promise<KeyObject | Refusal> {
    if (this.#keys && this.#ageMs() > STALE_MS) this.#forget();
    const known = this.#keys?.find(kid, algorithm);
    if (known) {
      if (this.#ageMs() > FRESH_MS) void this.#refresh();
      return known;
    }
    const fetching = this.#refresh();
    return fetching ? fetching.then(() => this.#found(kid, algorithm)) : this.#found(kid, algorithm);
  }

  #found(kid: string | undefined, algorithm: SignatureAlgorithm): KeyObject | Refusal {
    if (!this.#keys) return new Refusal('issuer_unavailable', this.#why);
    return (
      this.#keys.find(kid, algorithm) ??
      new Refusal('key_unknown', `no one key ${kid ?? ''} for ${algorithm}`)
    );
  }

  #ageMs(): number {
    return this.#source.jwks ? 0 : this.#clock.now() - this.#fetchedAt;
  }

  #forget(): void {
    this.#keys = undefined;
    this.#digest = '';
    this.#version++;
  }

  /** The fetch that is under way, or a new one; undefined while it is too soon for that. */
  #refresh(): Promise<void> | undefined {
    if (this.#source.jwks) return undefined;
    if (this.#fetching) return this.#fetching;
    const now = this.#clock.now();
    if (now - this.#triedAt < COOL_DOWN_MS) return undefined;
    this.#triedAt = now;
    this.#fetching = this.#fetchKeys().finally(() => (this.#fetching = undefined));
    return this.#fetching;
  }

  async #fetchKeys(): Promise<void> {
    const { issuer, jwksUri } = this.#source;
    try {
      const { keys } = await fetchDocument(
        this.#fetch,
        jwksUri ?? (await discoverJwksUri(this.#fetch, issuer)),
      );
      if (!Array.isArray(keys)) throw new Error('the JWKS has no keys');
      const digest = digestOf(keys);
      this.#fetchedAt = this.#clock.now();
      if (digest === this.#digest) return;
      this.#digest = digest;
      this.#keys = new KeySet(keys);
      this.#version++;
    } catch (error) {
      this.#why =
        error instanceof Error
          ? `${error.message} ${error.cause instanceof Error ? error.cause.message : ''}`.trim()
          : String(error);
    }
  }
}

/** Outlives a change of configuration, so that an issuer that did not change keeps its keys. */
export class KeySources {
  readonly #fetch: Fetch;
  readonly #clock: Clock;
  readonly #sources = new Map<string, KeySource>();

  constructor(clock: Clock, fetch: Fetch = globalThis.fetch) {
    this.#clock = clock;
    this.#fetch = fetch;
  }

  of({ issuer, jwksUri, jwks }: TrustedIssuer): KeySource {
    const key = digestOf({ issuer, jwksUri, jwks });
    let source = this.#sources.get(key);
    if (!source) {
      source = new KeySource(
        { issuer, ...(jwksUri && { jwksUri }), ...(jwks && { jwks }) },
        this.#fetch,
        this.#clock,
      );
      this.#sources.set(key, source);
    }
    return source;
  }
}
