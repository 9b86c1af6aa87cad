// Status lists as signed tokens (Token Status List): made when somebody asks, and no oftener than they go stale.
import { deflateSync } from 'node:zlib';
import type { Clock } from '../domain/clock.js';
import { sha256 } from '../domain/digest.js';
import { SECOND_MS } from '../domain/duration.js';
import type { StatusBits } from '../domain/status-list.js';
import { isFinal, statusBytes, statusListUri } from '../domain/status-list.js';
import { composeCompact } from '../jws/compact.js';
import { signSync } from '../jws/signature.js';
import type { KeyRing } from '../keys/key-ring.js';
import type { Store } from '../store/store.js';

export const STATUS_LIST_TYPE = 'statuslist+jwt';

/** The bits as `lst` has them: ZLIB, then base64url. */
export const packed = (bytes: Uint8Array): string => deflateSync(bytes, { level: 9 }).toString('base64url');

export interface ListToken {
  readonly jwt: string;
  readonly etag: string;
  /** For how many seconds from now it may be kept by whoever passes it on. */
  readonly freshForSeconds: number;
}

interface Made {
  readonly jwt: string;
  readonly etag: string;
  readonly kid: string;
  readonly staleAt: number;
}

/** What is known of one list. */
interface Kept {
  bits?: StatusBits;
  made?: Made;
  making?: Promise<Made | undefined>;
  /** Why it could not be made a moment ago. */
  failed?: { readonly error: unknown; readonly until: number };
}

export interface StatusListsOptions {
  readonly issuer: string;
  readonly store: Pick<Store, 'statusLists' | 'statusList'>;
  readonly keys: Pick<KeyRing, 'current'>;
  readonly clock: Clock;
  /** How long after a kill anybody may still believe a list that was made before it. */
  readonly ttlMs: number;
  readonly monotonic?: () => number;
}

/** Anybody may ask, for anything: so often, at the most, the store is asked for one list, and for which there are. */
const ASKED_EVERY_MS = SECOND_MS;
const LIST_ID = /^[\d-]{1,24}$/;

export class StatusLists {
  readonly #options: StatusListsOptions;
  readonly #monotonic: () => number;
  /** By id, of those that the store has. */
  #kept = new Map<string, Kept>();
  #lookedAt = -Infinity;
  #looking: Promise<void> | undefined;

  constructor(options: StatusListsOptions) {
    this.#options = options;
    this.#monotonic = options.monotonic ?? (() => performance.now());
  }

  /** Half of it passes here and in caches on the way, half at the verifier: both together are never more. */
  get #halfMs(): number {
    return this.#options.ttlMs / 2;
  }

  /** For how long the names of all lists may be kept. */
  get freshForSeconds(): number {
    return Math.floor(this.#halfMs / SECOND_MS);
  }

  /** The addresses of all lists (Status List Aggregation). */
  async uris(): Promise<string[]> {
    if (this.#monotonic() - this.#lookedAt >= ASKED_EVERY_MS) await this.#look();
    return [...this.#kept.keys()].map((id) => statusListUri(this.#options.issuer, id));
  }

  /** The list, or undefined where there is none. A name that we never heard of waits for the next look at the store. */
  async token(id: string): Promise<ListToken | undefined> {
    if (!LIST_ID.test(id)) return undefined;
    if (!this.#kept.has(id)) await this.#look();
    const kept = this.#kept.get(id);
    const made = kept && (await this.#fresh(id, kept));
    if (!made) return undefined;
    const { jwt, etag, staleAt } = made;
    const freshForSeconds = Math.max(0, Math.floor((staleAt - this.#monotonic()) / SECOND_MS));
    return { jwt, etag, freshForSeconds };
  }

  /** One look for all who wait for it, and never sooner than a while after the one before. */
  #look(): Promise<void> {
    this.#looking ??= this.#lookNow().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  async #lookNow(): Promise<void> {
    const waitMs = this.#lookedAt + ASKED_EVERY_MS - this.#monotonic();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    this.#lookedAt = this.#monotonic();
    const lists = await this.#options.store.statusLists();
    this.#kept = new Map(lists.map((id) => [id, this.#kept.get(id) ?? {}]));
  }

  #fresh(id: string, kept: Kept): Made | undefined | Promise<Made | undefined> {
    const { made, failed } = kept;
    const now = this.#monotonic();
    // Signed by a key that was killed meanwhile, it is worth nothing.
    if (made && now < made.staleAt && made.kid === this.#options.keys.current().kid) return made;
    if (failed && now < failed.until) throw failed.error;
    kept.making ??= this.#make(id, kept, now).finally(() => delete kept.making);
    return kept.making;
  }

  async #make(id: string, kept: Kept, now: number): Promise<Made | undefined> {
    const { store, clock } = this.#options;
    // What is read after this is no older than it says.
    const issuedAt = Math.floor(clock.now() / SECOND_MS);
    try {
      if (!kept.bits || !isFinal(kept.bits)) {
        const bits = await store.statusList(id, kept.bits);
        if (!bits) return undefined;
        kept.bits = bits;
      }
    } catch (error) {
      kept.failed = { error, until: now + ASKED_EVERY_MS };
      throw error;
    }
    return (kept.made = this.#signed(id, kept.bits, issuedAt, now + this.#halfMs));
  }

  #signed(id: string, bits: StatusBits, issuedAt: number, staleAt: number): Made {
    const { issuer, keys, ttlMs } = this.#options;
    const key = keys.current();
    const claims = {
      sub: statusListUri(issuer, id),
      iat: issuedAt,
      exp: issuedAt + Math.floor(ttlMs / SECOND_MS),
      ttl: this.freshForSeconds,
      status_list: { bits: 1, lst: packed(statusBytes(bits)) },
    };
    const header = { alg: key.algorithm, typ: STATUS_LIST_TYPE, kid: key.kid };
    const jwt = composeCompact(header, claims, (input) => signSync(key.algorithm, key.privateKey, input));
    return { jwt, etag: `"${sha256(jwt).slice(0, 22)}"`, kid: key.kid, staleAt };
  }
}
