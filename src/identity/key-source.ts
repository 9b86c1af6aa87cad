// Where an issuer's keys come from: cached, fetched again when they age or an unknown one is named, never in a storm.
import type { KeyObject } from 'node:crypto';
import { types } from 'node:util';
import type { Clock } from '../domain/clock.js';
import { digestOf } from '../domain/digest.js';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../domain/duration.js';
import { Refusal } from '../domain/refusal.js';
import type { TraceContext } from '../domain/trace-context.js';
import { onward } from '../domain/trace-context.js';
import type { SignatureAlgorithm } from '../jws/algorithms.js';
import type { Fetch } from './document.js';
import type { KeyOrigin } from './key-origin.js';
import { originOf, readKeys, useOf } from './key-origin.js';
import { KeySet } from '../jws/key-set.js';
import { fetchWithAuthorities } from './private-fetch.js';
import { quoted } from '../jws/quoted.js';
import type { TrustedIssuer } from './trust.js';

/** After this the keys are fetched again, while the known ones still serve; sooner where their publisher says so. */
const FRESH_MS = 5 * MINUTE_MS;
/** So much later nobody is served before that fetch is done: what an issuer took back is dead to us by then. */
const OVERDUE_AFTER = 2;
/** An issuer that is down keeps its known keys for so long, and no longer. */
const KEPT_MS = HOUR_MS;
/** Between two fetches, whatever is asked meanwhile: garbage must not make us hammer an issuer. */
const COOL_DOWN_MS = 10 * SECOND_MS;

export type FetchOutcome = 'fetched' | 'failed';

export class KeySource {
  readonly #origin: KeyOrigin;
  readonly #fetch: Fetch;
  readonly #clock: Clock;
  readonly #told: (outcome: FetchOutcome) => void;
  #keys: KeySet | undefined;
  #digest = '';
  #fetchedAt = -Infinity;
  #freshMs = FRESH_MS;
  #triedAt = -Infinity;
  /** Why the last fetch failed; undefined once one succeeds. */
  #ailment: string | undefined;
  #fetching: Promise<void> | undefined;

  constructor(origin: KeyOrigin, fetch: Fetch, clock: Clock, told: (outcome: FetchOutcome) => void) {
    this.#told = told;
    this.#origin = origin;
    this.#fetch = fetch;
    this.#clock = clock;
    if (origin.from === 'configuration') this.#keys = new KeySet(origin.keys);
  }

  /** Whether this key, found here before, is still the issuer's. Any change of its keys makes all of them new ones. */
  holds(key: KeyObject): boolean {
    return this.#current()?.has(key) ?? false;
  }

  /** At once where the key is known and fresh enough; else after a fetch, unless it is too soon for one. */
  find(
    kid: string | undefined,
    algorithm: SignatureAlgorithm,
    trace?: TraceContext,
  ): KeyObject | Refusal | Promise<KeyObject | Refusal> {
    const known = this.#current()?.find(kid, algorithm);
    if (known && this.#ageMs() <= this.#freshMs) return known;
    const fetching = this.#refresh(trace);
    if (known && this.#ageMs() <= OVERDUE_AFTER * this.#freshMs) return known;
    return fetching ? fetching.then(() => this.#found(kid, algorithm)) : this.#found(kid, algorithm);
  }

  #found(kid: string | undefined, algorithm: SignatureAlgorithm): KeyObject | Refusal {
    const known = this.#current()?.find(kid, algorithm);
    if (known) return known;
    // It may be a new key that we could not learn of.
    if (this.#ailment !== undefined) return new Refusal('issuer_unavailable', this.#ailment);
    return new Refusal('key_unknown', `no one key with kid ${quoted(kid)} for ${algorithm}`);
  }

  #current(): KeySet | undefined {
    if (this.#ageMs() > KEPT_MS) {
      this.#keys = undefined;
      this.#digest = '';
    }
    return this.#keys;
  }

  /** Since they were fetched; undefined where they never were. */
  get fetchedAgoMs(): number | undefined {
    return Number.isFinite(this.#fetchedAt) ? this.#clock.now() - this.#fetchedAt : undefined;
  }

  #ageMs(): number {
    return this.#origin.from === 'configuration' ? 0 : this.#clock.now() - this.#fetchedAt;
  }

  /** The fetch that is under way, or a new one; undefined while it is too soon for that. Never rejects. */
  #refresh(trace?: TraceContext): Promise<void> | undefined {
    if (this.#origin.from === 'configuration') return undefined;
    if (this.#fetching) return this.#fetching;
    if (this.#clock.now() - this.#triedAt < COOL_DOWN_MS) return undefined;
    this.#fetching = this.#fetchKeys(this.#origin, trace).finally(() => {
      this.#triedAt = this.#clock.now();
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #fetchKeys(
    origin: Exclude<KeyOrigin, { from: 'configuration' }>,
    trace: TraceContext | undefined,
  ): Promise<void> {
    // What the issuer takes back from here on is not in the answer, however long it is on its way.
    const askedAt = this.#clock.now();
    try {
      const { keys, refreshMs = FRESH_MS } = await readKeys(
        trace ? tracing(this.#fetch, trace) : this.#fetch,
        origin,
      );
      const digest = digestOf(keys);
      if (digest !== this.#digest) this.#keys = new KeySet(keys, useOf(origin));
      this.#digest = digest;
      // Sooner, if they will; later would be longer for a key that was taken back.
      this.#freshMs = Math.max(COOL_DOWN_MS, Math.min(refreshMs, FRESH_MS));
      this.#fetchedAt = askedAt;
      this.#ailment = undefined;
      this.#told('fetched');
    } catch (error) {
      this.#ailment = causes(error);
      this.#told('failed');
    }
  }
}

/** A request that is made for somebody else's says of which trace it is a part. */
const tracing =
  (fetch: Fetch, trace: TraceContext): Fetch =>
  (url, asking) =>
    fetch(url, { ...asking, headers: { ...asking.headers, ...onward(trace) } });

/** `fetch` says only that it failed; why is in the cause. */
function causes(error: unknown): string {
  if (!types.isNativeError(error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${causes(error.cause)}`;
}

/** Outlives a change of configuration, so that an issuer that did not change keeps its keys. */
export class KeySources {
  readonly #fetch: Fetch;
  readonly #clock: Clock;
  readonly #told: (trust: string, outcome: FetchOutcome) => void;
  readonly #sources = new Map<string, KeySource>();

  constructor(
    clock: Clock,
    fetch: Fetch = fetchWithAuthorities,
    told: (trust: string, outcome: FetchOutcome) => void = () => {},
  ) {
    this.#clock = clock;
    this.#fetch = fetch;
    this.#told = told;
  }

  of(trust: TrustedIssuer): KeySource {
    const origin = originOf(trust);
    const name = digestOf(origin);
    const known = this.#sources.get(name);
    if (known) return known;
    const source = new KeySource(origin, this.#fetch, this.#clock, (outcome) =>
      this.#told(trust.name, outcome),
    );
    this.#sources.set(name, source);
    return source;
  }
}
