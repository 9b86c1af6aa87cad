// Authenticates a workload token: from a text that anybody may send to a principal that the configuration vouches for.
import type { KeyObject } from 'node:crypto';
import { awsIssuer } from '../domain/aws-sts.js';
import type { Clock } from '../domain/clock.js';
import { sha256 } from '../domain/digest.js';
import { MINUTE_MS } from '../domain/duration.js';
import type { VerifiedPrincipal } from '../domain/principal.js';
import { verifiedPrincipal } from '../domain/principal.js';
import { Refusal } from '../domain/refusal.js';
import type { TraceContext } from '../domain/trace-context.js';
import type { CompactToken } from '../jws/compact.js';
import { parseCompact, tooLarge } from '../jws/compact.js';
import { verifySync } from '../jws/signature.js';
import type { ReplayStore } from '../store/store.js';
import { checkClaims } from './claims.js';
import type { CheckedHeader } from './header.js';
import { allowedAlgorithm, foreignHeader, headerFlaw } from './header.js';
import type { KeySource, KeySources } from './key-source.js';
import { looksLikeSpiffeId, workloadSpiffeId } from './kinds/spiffe.js';
import type { Claims, Workload } from './kinds/workload.js';
import { workloadOf } from './kinds/workload-of.js';
import { quoted } from '../jws/quoted.js';
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
  /** The one for the configuration of now: itself when absent. */
  readonly inForce?: () => Authenticator;
  /** Told of each token whether it was verified a moment ago. */
  readonly looked?: (result: 'hit' | 'miss') => void;
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
  readonly #byTrustDomain: ReadonlyMap<string, Trusted>;
  readonly #verified: VerifiedCache;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
    const { trust, sources, mostCached = MOST_CACHED } = options;
    const all = trust.map((one): Trusted => ({ trust: one, source: sources.of(one) }));
    this.#byIssuer = new Map(
      all.filter((one) => one.trust.kind !== 'spiffe').map((one) => [one.trust.issuer, one]),
    );
    this.#byTrustDomain = new Map(
      all.flatMap((one) => (one.trust.kind === 'spiffe' ? [[one.trust.trustDomain, one]] : [])),
    );
    this.#verified = new VerifiedCache(mostCached);
  }

  /**
   * The principal, or why not. At once where the token was verified within the last minute or its issuer's keys
   * are known; a promise where they have to be fetched, and for a one-time token. Never throws for a token's sake.
   *
   * @param forKill nothing holds back a kill: see `ReplayStore.once`
   * @throws StoreUnavailable (as a rejection) where a one-time token cannot be recorded as used
   */
  authenticate(token: string, trace?: TraceContext, forKill = false): Authenticated | Promise<Authenticated> {
    const large = tooLarge(token);
    if (large) return large;
    const digest = sha256(token);
    const known = this.#verified.get(digest, this.#options.clock.now());
    this.#options.looked?.(known ? 'hit' : 'miss');
    if (known) return known;

    const parsed = parseCompact(token);
    if (parsed instanceof Refusal) return parsed;
    const flaw = headerFlaw(parsed.header);
    if (flaw) return flaw;
    const trusted = this.#trusted(parsed.payload);
    if (trusted instanceof Refusal) return trusted;
    const foreign = foreignHeader(parsed.header, trusted.trust.kind);
    if (foreign) return foreign;
    const header = allowedAlgorithm(parsed.header, trusted.trust.algorithms);
    if (header instanceof Refusal) return header;

    const key = trusted.source.find(header.kid, header.algorithm, trace);
    const verify = (found: KeyObject | Refusal) =>
      found instanceof Refusal ? found : this.#verify(parsed, header, found, trusted, { digest, forKill });
    if (!(key instanceof Promise)) return verify(key);
    return key.then((found) => {
      // Keys may be long in coming, as long as their issuer likes: whoever lost our trust meanwhile is not believed.
      const { inForce = () => this } = this.#options;
      const current = inForce();
      return current === this ? verify(found) : current.authenticate(token, trace, forKill);
    });
  }

  /** Whether `authenticate` would know the token without verifying it. Costs one SHA-256. */
  remembers(token: string): boolean {
    return !tooLarge(token) && this.#verified.get(sha256(token), this.#options.clock.now()) !== undefined;
  }

  /** By `iss` where it is that of a trust; else by the trust domain of a SPIFFE ID. Each has its own keys, never another's. */
  #trusted({ iss: issuer, sub: subject }: Claims): Trusted | Refusal {
    if (issuer !== undefined && typeof issuer !== 'string') return new Refusal('claim_mistyped', 'iss');
    const { ownIssuer } = this.#options;
    if (issuer === ownIssuer || issuer === awsIssuer(ownIssuer))
      return new Refusal('own_credential', 'says it is of this broker');
    const named = issuer === undefined ? undefined : this.#byIssuer.get(issuer);
    if (named) return named;
    if (this.#byTrustDomain.size > 0 && looksLikeSpiffeId(subject)) {
      const id = workloadSpiffeId(subject);
      if (id instanceof Refusal) return id;
      return (
        this.#byTrustDomain.get(id.trustDomain) ??
        new Refusal('issuer_unknown', `trust domain ${quoted(id.trustDomain)}`)
      );
    }
    return issuer === undefined
      ? new Refusal('claim_missing', 'iss')
      : new Refusal('issuer_unknown', `iss ${quoted(issuer)}`);
  }

  #verify(
    { payload, signingInput, signature }: CompactToken,
    { algorithm }: CheckedHeader,
    key: KeyObject,
    { trust, source }: Trusted,
    { digest: tokenDigest, forKill }: { readonly digest: string; readonly forKill: boolean },
  ): Authenticated | Promise<Authenticated> {
    if (!verifySync(algorithm, key, signingInput, signature)) {
      return new Refusal('signature_invalid', `by ${trust.name}`);
    }
    const now = this.#options.clock.now();
    const claims = checkClaims(payload, trust, now);
    if (claims instanceof Refusal) return claims;
    const { subject, expiresAt, goodUntil, tokenId, confirmedKey } = claims;
    const workload = workloadOf(trust, subject, payload);
    if (workload instanceof Refusal) return workload;
    const roles = rolesFrom(trust.roles, workload.facts);
    if (roles.length === 0 && !mayComeWithoutRole(trust, workload)) return unmatched(workload);
    const principal = verifiedPrincipal({
      name: workload.name,
      trust: trust.name,
      issuer: trust.issuer,
      subject,
      roles,
      claims: payload,
      instances: workload.instances,
      ...(confirmedKey !== undefined && { confirmedKey }),
      ...(workload.run && { run: workload.run }),
      tokenDigest,
      expiresAt,
    });
    if (trust.oneTime) return this.#onlyOnce(principal, tokenId!, goodUntil + REPLAY_MARGIN_MS, forKill);
    this.#verified.put(principal, { source, key }, goodUntil, now);
    return principal;
  }

  /** By issuer and `jti`, not by the token's text: the same token can be written in more than one way (ECDSA). */
  async #onlyOnce(
    principal: VerifiedPrincipal,
    tokenId: string,
    until: number,
    forKill: boolean,
  ): Promise<Authenticated> {
    const first = await this.#options.store.once(sha256(`${principal.issuer}\n${tokenId}`), until, forKill);
    return first ? principal : new Refusal('token_replayed', 'this one-time token was used before');
  }
}

/**
 * Clusters and GitHub vouch for far more workloads than are ours, so one that no rule names is nobody here. A job of
 * a run that has a task of its own may end that.
 */
const mayComeWithoutRole = ({ kind }: TrustedIssuer, { run }: Workload): boolean =>
  kind === 'oidc' || run !== undefined;

/** What the rules would have to say: the facts that tell workloads apart, in the operator's own words. */
function unmatched({ name, facts }: Workload): Refusal {
  const told = TOLD.filter((fact) => facts[fact] !== undefined).map(
    (fact) => `${fact} ${quoted(facts[fact])}`,
  );
  return new Refusal('no_rule_matches', [quoted(name), ...told].join(', '));
}
const TOLD = [
  'namespace',
  'service_account',
  'pod',
  'repository',
  'repository_id',
  'repository_owner_id',
  'event_name',
  'ref',
  'environment',
];
