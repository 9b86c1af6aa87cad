// The signing keys of one use: kept sealed in the store, rotated with overlap, dropped at once when killed.
import type { JsonWebKey, KeyObject } from 'node:crypto';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { AuditEntry } from '../audit/entry.js';
import type { Clock } from '../domain/clock.js';
import { requestId } from '../domain/ids.js';
import { MAX_TTL_MS } from '../domain/tool.js';
import { thumbprint } from '../jws/thumbprint.js';
import type { KeyStore, AuditStore, KeyUse, SigningKeyRecord } from '../store/store.js';
import type { SigningAlgorithm } from './generated-pair.js';
import { generatedPair } from './generated-pair.js';
import type { Seal } from './seal.js';

export interface SigningKey {
  readonly kid: string;
  readonly algorithm: SigningAlgorithm;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly publicJwk: JsonWebKey;
  readonly activatesAt: number;
}

export interface KeyRingOptions {
  readonly store: KeyStore & AuditStore;
  readonly seal: Seal;
  readonly clock: Clock;
  readonly use: KeyUse;
  readonly algorithm: SigningAlgorithm;
  readonly rotateEveryMs: number;
  /** A new key is published for this long before it signs. */
  readonly publishAheadMs: number;
  readonly clockSkewMs: number;
  /** What these keys sign is checked long after it: none of them is ever outlived. */
  readonly keepsAll?: boolean;
}

export class KeyRing {
  readonly #options: KeyRingOptions;
  /** In the order of activation. */
  #keys: readonly SigningKey[] = [];
  /** The one that signed before the last turn. */
  #last: SigningKey | undefined;
  /** One turn after the other. */
  #turning: Promise<void> = Promise.resolve();

  private constructor(options: KeyRingOptions) {
    this.#options = options;
  }

  /** Reads the keys, and makes the first where there is none. @throws SealError where they cannot be opened. */
  static async open(options: KeyRingOptions): Promise<KeyRing> {
    const ring = new KeyRing(options);
    await ring.turn();
    return ring;
  }

  /**
   * The key that signs now. Where the one before was killed, the next one, if it is published, need not wait. Where all
   * were, and the successor is still being made, the one before: the store issues nothing under it, and `drop` waits.
   */
  current(): SigningKey {
    const now = this.#options.clock.now();
    const active = this.#keys.findLast((key) => key.activatesAt <= now) ?? this.#keys[0] ?? this.#last;
    if (!active) throw new Error('the key ring is empty');
    return active;
  }

  /** When another key takes over from the present one: the next one's time, or as far as can be told. Milliseconds. */
  nextTurnAt(): number {
    const { activatesAt } = this.current();
    const next = this.#keys.find((key) => key.activatesAt > activatesAt);
    return next?.activatesAt ?? activatesAt + this.#options.rotateEveryMs;
  }

  get isEmpty(): boolean {
    return this.#keys.length === 0;
  }

  byId(kid: string): SigningKey | undefined {
    return this.#keys.find((key) => key.kid === kid);
  }

  /** For how long a verifier may keep the JWKS without missing a key that signs. */
  get publishAheadMs(): number {
    return this.#options.publishAheadMs;
  }

  /** RFC 7517: every key that has signed something alive, or is about to sign. */
  jwks(): { keys: JsonWebKey[] } {
    return { keys: this.#keys.map((key) => key.publicJwk) };
  }

  /** The store refused this key as killed, by whomever and however long ago: another one signs from here on. */
  async drop(kid: string): Promise<void> {
    await this.#options.store.removeSigningKey(kid);
    await this.turn();
  }

  /** Does what is due: drops killed and outlived keys, makes a first or a next one. To be called now and then. */
  turn(): Promise<void> {
    const turned = this.#turning.then(() => this.#turn());
    this.#turning = turned.catch(() => {});
    return turned;
  }

  async #turn(): Promise<void> {
    const { store, use, algorithm, clock, rotateEveryMs, publishAheadMs } = this.#options;
    const now = clock.now();
    const killed = new Set(await store.revokedKeys());
    if (!this.isEmpty) this.#last = this.current();
    // First of all, whatever fails below: a killed key neither signs nor stands in the JWKS any more.
    this.#keys = this.#keys.filter(({ kid }) => !killed.has(kid));
    for (const key of await store.signingKeys(use)) {
      if (killed.has(key.kid) || (await this.#outlived(key, now))) await store.removeSigningKey(key.kid);
    }
    const newest = (await store.signingKeys(use)).at(-1);
    if (!newest) await this.#add(now, newest);
    else if (newest.algorithm !== algorithm || newest.activatesAt + rotateEveryMs - publishAheadMs <= now) {
      await this.#add(Math.max(now + publishAheadMs, newest.activatesAt + 1), newest);
    }
    this.#keys = (await store.signingKeys(use)).map((record) => this.#open(record));
  }

  /** A key has signed nothing that lives, once its successor has been signing for longer than anything may live. */
  async #outlived(key: SigningKeyRecord, now: number): Promise<boolean> {
    if (this.#options.keepsAll) return false;
    const later = (await this.#options.store.signingKeys(key.use)).find(
      (other) => other.activatesAt > key.activatesAt,
    );
    return later !== undefined && later.activatesAt + MAX_TTL_MS + this.#options.clockSkewMs <= now;
  }

  /** `newest`: the key that we saw activate last. Where another broker was faster, its key is the next one. */
  async #add(activatesAt: number, newest: SigningKeyRecord | undefined): Promise<void> {
    const { store, seal, use, algorithm, clock } = this.#options;
    const { privateKey, publicKey } = generatedPair(algorithm);
    const members = publicKey.export({ format: 'jwk' });
    const kid = thumbprint(members);
    const createdAt = clock.now();
    await store.addSigningKey(
      {
        kid,
        use,
        algorithm,
        publicJwk: JSON.stringify({ ...members, kid, alg: algorithm, use: 'sig' }),
        sealedPrivate: seal.seal(privateKey.export({ format: 'der', type: 'pkcs8' }), `signing-key:${kid}`),
        createdAt,
        activatesAt,
      },
      new AuditEntry(requestId(createdAt), 'key.rotate', { detail: { use, algorithm } }),
      newest?.kid ?? null,
    );
  }

  #open(record: SigningKeyRecord): SigningKey {
    const { kid, activatesAt, publicJwk, sealedPrivate } = record;
    const known = this.byId(kid);
    if (known) return known;
    const der = this.#options.seal.open(sealedPrivate, `signing-key:${kid}`);
    const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    return {
      kid,
      algorithm: record.algorithm as SigningAlgorithm,
      privateKey,
      publicKey: createPublicKey(privateKey),
      publicJwk: JSON.parse(publicJwk) as JsonWebKey,
      activatesAt,
    };
  }
}
