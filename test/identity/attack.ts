// The scene of the attacks: an issuer, another trusted one, a stranger, and how a token is bent.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { RefusalReason } from '../../src/domain/refusal.js';
import type { Authenticator } from '../../src/identity/authenticate.js';
import { forge, type IssuerKey, issuerKey } from '../fixtures/idp-keys.js';
import { accepted, OWN_ISSUER, reasonOf, Scene, trustIn } from './scene.js';

/** Keys of the issuer. */
export let key: IssuerKey;
export let rsa: IssuerKey;
/** A key that nobody published. */
export let stranger: IssuerKey;
export let partnerKey: IssuerKey;
export let scene: Scene;
/** Another issuer, trusted as well. */
export let partner: Scene;
export let authenticator: Authenticator;

beforeAll(async () => {
  key = await issuerKey('ES256', 'one');
  rsa = await issuerKey('RS256', 'rsa');
  stranger = await issuerKey('ES256', 'three');
  partnerKey = await issuerKey('ES256', 'theirs');
  scene = await Scene.open(key, await issuerKey('ES256', 'two'), rsa);
  partner = await Scene.open(partnerKey);
  const trust = [
    trustIn(scene.idp.issuer),
    trustIn(partner.idp.issuer, { name: 'partner' }),
    // Whoever configures us as our own issuer gains nothing by it.
    trustIn(OWN_ISSUER, { name: 'own', jwks: { keys: [key.jwk] } }),
  ];
  authenticator = scene.authenticator({}, { trust });
  await accepted(authenticator.authenticate(await scene.idp.token(key)));
});
afterAll(() => Promise.all([scene.close(), partner.close()]));

export type Attack = readonly [name: string, token: () => string | Promise<string>, reason: RefusalReason];

/** Each is refused for its reason, by an authenticator that knows the issuer's keys. */
export function refuses(attacks: readonly Attack[]): void {
  test.each(attacks)('%s', async (_, token, reason) => {
    expect(await reasonOf(authenticator.authenticate(await token()))).toBe(reason);
  });
}

export const header = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  alg: 'ES256',
  kid: 'one',
  typ: 'JWT',
  ...more,
});
export const good = (): Promise<string> => scene.idp.token(key);

/** Well signed, with these claims in the place of the good ones. */
export const saying = (claims: Record<string, unknown>) => (): string =>
  forge(key, header(), { ...scene.idp.claims(), ...claims });

/** Well signed, with these members in the header. */
export const headed = (more: Record<string, unknown>) => (): string =>
  forge(key, header(more), scene.idp.claims());

/** A good token with one of its segments changed. */
export const changed = (at: number, change: (segment: string) => string) => async (): Promise<string> =>
  (await good())
    .split('.')
    .map((one, index) => (index === at ? change(one) : one))
    .join('.');
