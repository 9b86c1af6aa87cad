// An authenticator that trusts an issuer on loopback, both at the test's command.
import {
  type Authenticated,
  Authenticator,
  type AuthenticatorOptions,
} from '../../src/identity/authenticate.js';
import { KeySources } from '../../src/identity/key-source.js';
import type { OidcTrust } from '../../src/identity/trust.js';
import type { VerifiedPrincipal } from '../../src/domain/principal.js';
import { MINUTE_MS, SECOND_MS } from '../../src/domain/duration.js';
import { Refusal, type RefusalReason } from '../../src/domain/refusal.js';
import { SettableClock } from '../contract/store/harness.js';
import { Idp } from '../fixtures/idp.js';
import type { IssuerKey } from '../fixtures/idp-keys.js';

export const OWN_ISSUER = 'http://127.0.0.1:8420';

export const trustIn = (issuer: string, terms: Partial<OidcTrust> = {}): OidcTrust => ({
  name: 'cluster',
  kind: 'oidc',
  issuer,
  audiences: ['mayfly'],
  algorithms: ['ES256', 'RS256'],
  clockToleranceMs: 30 * SECOND_MS,
  maxTokenAgeMs: 60 * MINUTE_MS,
  oneTime: false,
  roles: [],
  ...terms,
});

/** For tests in which no token is for one time. */
export const noReplays: AuthenticatorOptions['store'] = {
  once: () => Promise.reject(new Error('asked for a replay record without need')),
};

export class Scene {
  readonly clock: SettableClock;
  readonly idp: Idp;
  readonly sources: KeySources;

  private constructor(clock: SettableClock, idp: Idp) {
    this.clock = clock;
    this.idp = idp;
    this.sources = new KeySources(clock);
  }

  static async open(...keys: readonly IssuerKey[]): Promise<Scene> {
    const clock = new SettableClock();
    return new Scene(clock, await Idp.start(clock, ...keys));
  }

  authenticator(terms: Partial<OidcTrust> = {}, options: Partial<AuthenticatorOptions> = {}): Authenticator {
    const { sources, clock, idp } = this;
    const trust = [trustIn(idp.issuer, terms)];
    return new Authenticator({ trust, ownIssuer: OWN_ISSUER, sources, clock, store: noReplays, ...options });
  }

  /** How often the issuer was asked for its keys. */
  get fetches(): number {
    return this.idp.requests.filter((path) => path === '/jwks').length;
  }

  close(): Promise<void> {
    return this.idp.goDown();
  }
}

/** @throws Error with the refusal, where there is one. */
export async function accepted(answer: Authenticated | Promise<Authenticated>): Promise<VerifiedPrincipal> {
  const principal = await answer;
  if (principal instanceof Refusal) throw new Error(`${principal.reason}: ${principal.detail}`);
  return principal;
}

/** The reason of the refusal; undefined where there is none. */
export async function reasonOf(
  answer: Authenticated | Promise<Authenticated>,
): Promise<RefusalReason | undefined> {
  const refusal = await answer;
  return refusal instanceof Refusal ? refusal.reason : undefined;
}
