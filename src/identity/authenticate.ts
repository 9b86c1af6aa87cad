// Authenticates a workload token: from a text that anybody may send to a principal that the configuration vouches for.
import type { KeyObject } from 'node:crypto';
import type { Clock } from '../domain/clock.js';
import { sha256 } from '../domain/digest.js';
import { MINUTE_MS } from '../domain/duration.js';
import { principalName } from '../domain/ids.js';
import type { VerifiedPrincipal } from '../domain/principal.js';
import { verifiedPrincipal } from '../domain/principal.js';
import { Refusal } from '../domain/refusal.js';
import type { CompactToken } from '../jws/compact.js';
import { parseCompact, tooLarge } from '../jws/compact.js';
import { verifySync } from '../jws/signature.js';
import type { ReplayStore } from '../store/store.js';
import { checkClaims } from './claims.js';
import type { CheckedHeader } from './header.js';
import { allowedAlgorithm, headerFlaw } from './header.js';
import type { KeySource, KeySources } from './key-source.js';
import { quoted } from './quoted.js';
import { rolesFrom } from './roles.js';
import type { TrustedIssuer } from './trust.js';
import { VerifiedCache } from './verified-cache.js';

const MOST_CACHED = 10_000;
/** The store's clock may be ahead of ours: a used token stays on record for longer than we would take it. */
const REPLAY_MARGIN_MS = MINUTE_MS;

export interface AuthenticatorOptions {
  readonly trust: readonly TrustedIssuer[];
  /** What we sign ourselves is never a workload token. */
  readonly ownIssuer: string;
  readonly sources: KeySources;
  readonly clock: Clock;
  readonly store: ReplayStore;
  readonly mostCached?: number;
}

export type Authenticated = VerifiedPrincipal | Refusal;

interface Trusted {
  readonly trust: TrustedIssuer;
  readonly source: KeySource;
}

/** For one generation of the configuration: another one has another, with an empty cache. */
export class Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #byIssuer: ReadonlyMap<string, Trusted>;
  readonly #verified: VerifiedCache;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
    const { trust, sources, mostCached = MOST_CACHED } = options;
    this.#byIssuer = new Map(trust.map((one) => [one.issuer, { trust: one, source: sources.of(one) }]));
    this.#verified = new VerifiedCache(mostCached);
  }

  /**
   * The principal, or why not. At once where the token was verified within the last minute or its issuer's keys
   * are known; a promise where they have to be fetched, and for a one-time token. Never throws for a token's sake.
   *
   * @throws StoreUnavailable (as a rejection) where a one-time token cannot be recorded as used
   */
  authenticate(token: string): Authenticated | Promise<Authenticated> {
    const large = tooLarge(token);
    if (large) return large;
    const digest = sha256(token);
    const known = this.#verified.get(digest, this.#options.clock.now());
    if (known) return known;

    const parsed = parseCompact(token);
    if (parsed instanceof Refusal) return parsed;
    const flaw = headerFlaw(parsed.header);
    if (flaw) return flaw;
    const trusted = this.#trusted(parsed.payload['iss']);
    if (trusted instanceof Refusal) return trusted;
    const header = allowedAlgorithm(parsed.header, trusted.trust.algorithms);
    if (header instanceof Refusal) return header;

    const key = trusted.source.find(header.kid, header.algorithm);
    const verify = (found: KeyObject | Refusal) =>
      found instanceof Refusal ? found : this.#verify(parsed, header, found, trusted, digest);
    return key instanceof Promise ? key.then(verify) : verify(key);
  }

  #trusted(issuer: unknown): Trusted | Refusal {
    if (issuer === undefined) return new Refusal('claim_missing', 'iss');
    if (typeof issuer !== 'string') return new Refusal('claim_mistyped', 'iss');
    if (issuer === this.#options.ownIssuer) return new Refusal('own_credential', 'says it is of this broker');
    return this.#byIssuer.get(issuer) ?? new Refusal('issuer_unknown', `iss ${quoted(issuer)}`);
  }

  #verify(
    { payload, signingInput, signature }: CompactToken,
    { algorithm }: CheckedHeader,
    key: KeyObject,
    { trust, source }: Trusted,
    tokenDigest: string,
  ): Authenticated | Promise<Authenticated> {
    if (!verifySync(algorithm, key, signingInput, signature)) {
      return new Refusal('signature_invalid', `by ${trust.name}`);
    }
    const now = this.#options.clock.now();
    const claims = checkClaims(payload, trust, now);
    if (claims instanceof Refusal) return claims;
    const { subject, expiresAt, goodUntil, tokenId, confirmedKey } = claims;
    const principal = verifiedPrincipal({
      name: principalName(trust.name, subject),
      trust: trust.name,
      issuer: trust.issuer,
      subject,
      roles: rolesFrom(trust.roles, payload),
      claims: payload,
      instances: {},
      ...(confirmedKey !== undefined && { confirmedKey }),
      tokenDigest,
      expiresAt,
    });
    if (trust.oneTime) return this.#onlyOnce(principal, tokenId!, goodUntil + REPLAY_MARGIN_MS);
    this.#verified.put(principal, { source, key }, goodUntil, now);
    return principal;
  }

  /** By issuer and `jti`, not by the token's text: the same token can be written in more than one way (ECDSA). */
  async #onlyOnce(principal: VerifiedPrincipal, tokenId: string, until: number): Promise<Authenticated> {
    const first = await this.#options.store.once(sha256(`${principal.issuer}\n${tokenId}`), until);
    return first ? principal : new Refusal('token_replayed', 'this one-time token was used before');
  }
}
