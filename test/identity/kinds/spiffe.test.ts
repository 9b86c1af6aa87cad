// JWT-SVIDs: what makes one good, and every way we know of to pass for a workload of another trust domain.
import { createHmac } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { forge, issuerKey } from '../../fixtures/idp-keys.js';
import { OWN_ISSUER } from '../scene.js';
import type { Attack, Claims } from './world.js';
import {
  accepted,
  authenticator,
  clock,
  CLUSTER,
  github,
  keys,
  now,
  PARTNER,
  reasonOf,
  refuses,
  signed,
  svidJwk,
  TRUST,
  trusting,
  write,
} from './world.js';

const AGENT = 'spiffe://prod.example/agents/agent-7';
const claims = (more: Claims = {}): Record<string, unknown> => ({
  sub: AGENT,
  aud: ['mayfly'],
  iat: now(),
  exp: now() + 300,
  ...more,
});
const saying = (more: Claims) => (): string => signed(keys.prod, claims(more));
const headed = (header: Claims) => (): string => signed(keys.prod, claims(), header);
const named = (sub: unknown) => saying({ sub });

const hmac = () =>
  forge(keys.prod, { alg: 'HS256', kid: 'svid' }, claims(), (input) =>
    createHmac('sha256', JSON.stringify(svidJwk(keys.prod)))
      .update(input)
      .digest(),
  );

describe('a JWT-SVID', () => {
  test('makes its bearer the SPIFFE ID itself', async () => {
    expect(await accepted(saying({})())).toMatchObject({
      name: AGENT,
      trust: 'prod',
      issuer: 'spiffe://prod.example',
      subject: AGENT,
      roles: [{ role: 'agent' }],
      instances: {},
    });
  });

  test.each<[string, Claims]>([
    ['no iss', {}],
    ['an iss that nobody knows', { iss: 'https://spire.prod.example' }],
    ['no iat', { iat: undefined }],
    ['a jti', { jti: 'one' }],
    ['one audience as a text', { aud: 'mayfly' }],
  ])('may have %s', async (_, more) => {
    expect((await accepted(saying(more)())).name).toBe(AGENT);
  });

  test.each(['JWT', 'JOSE', undefined])('may be of type %s', async (typ) => {
    expect((await accepted(headed({ typ })())).name).toBe(AGENT);
  });

  test('may come again with the same jti', async () => {
    for (const jti of ['one', 'one']) await accepted(saying({ jti, n: clock.now() })());
  });

  test('may be signed with RSA, where the bundle has such a key', async () => {
    expect((await accepted(signed(keys.prodRsa, claims()))).name).toBe(AGENT);
  });

  test('may come without a kid, where one key alone can be meant', async () => {
    expect((await accepted(headed({ kid: undefined })())).name).toBe(AGENT);
  });

  test('is held to the keys of its own trust domain, where another has one of the same name', async () => {
    const sub = 'spiffe://staging.example/agents/agent-7';
    expect((await accepted(signed(keys.staging, claims({ sub })))).name).toBe(sub);
    expect(await reasonOf(signed(keys.staging, claims()))).toBe('signature_invalid');
    expect(await reasonOf(signed(keys.prod, claims({ sub })))).toBe('signature_invalid');
  });

  test('has no say in facts: a claim of that name is not one', async () => {
    const planner = 'spiffe://prod.example/ns/platform/sa/planner';
    const token = signed(keys.prod, claims({ spiffe_id: planner, path: '/ns/platform/sa/planner' }));
    expect((await accepted(token)).roles).toEqual([{ role: 'agent' }]);
    expect((await accepted(saying({ sub: planner })())).roles).toEqual([{ role: 'orchestrator' }]);
  });
});

describe('refuses what is no SPIFFE ID of a workload', () => {
  refuses([
    ...[
      'spiffe://PROD.EXAMPLE/agents/agent-7',
      'spiffe://Prod.example/agents/agent-7',
      'SPIFFE://prod.example/agents/agent-7',
      'spiffe://prod.example',
      'spiffe://prod.example/',
      'spiffe:///agents/agent-7',
      'spiffe:/prod.example/agents/agent-7',
      'spiffe:prod.example/agents/agent-7',
      'spiffe://prod.example/agents/agent-7/',
      'spiffe://prod.example//agents/agent-7',
      'spiffe://prod.example/agents//agent-7',
      'spiffe://prod.example/agents/./agent-7',
      'spiffe://prod.example/evil/../agents/agent-7',
      'spiffe://prod.example/agents/..',
      'spiffe://prod.example/agents/agent%2d7',
      'spiffe://prod.example/%61gents/agent-7',
      'spiffe://prod%2eexample/agents/agent-7',
      'spiffe://prod.example:443/agents/agent-7',
      'spiffe://admin@prod.example/agents/agent-7',
      'spiffe://prod.example/agents/agent-7?x=1',
      'spiffe://prod.example/agents/agent-7#x',
      'spiffe://prod.example\\agents/agent-7',
      'spiffe://prod.example/agents/agent 7',
      'spiffe://prod.example/agents/agent-7\n',
      'spiffe://prod.example/agents/агент',
      'spiffe://рrod.example/agents/agent-7',
      'spiffe://prod.example./agents/*',
      'spiffe://[::1]/agents/agent-7',
      `spiffe://${'a'.repeat(256)}/agents/agent-7`,
      `spiffe://prod.example/agents/${'a'.repeat(2048)}`,
    ].map((sub): Attack => [JSON.stringify(sub).slice(0, 60), named(sub), 'claim_mistyped']),
    ['a space before it', named(` ${AGENT}`), 'claim_missing'],
    ['another scheme', named('https://prod.example/agents/agent-7'), 'claim_missing'],
    ['a list', named([AGENT]), 'claim_missing'],
    ['no sub', named(undefined), 'claim_missing'],
  ]);
});

describe('refuses a workload of another trust domain', () => {
  refuses([
    ['that nobody trusts', named('spiffe://evil.example/agents/agent-7'), 'issuer_unknown'],
    ['that begins like ours', named('spiffe://prod.example.evil.example/agents/agent-7'), 'issuer_unknown'],
    ['that ends like ours', named('spiffe://evil-prod.example/agents/agent-7'), 'issuer_unknown'],
    ['with a dot at the end', named('spiffe://prod.example./agents/agent-7'), 'issuer_unknown'],
    ['signed by ours', named('spiffe://staging.example/agents/agent-7'), 'signature_invalid'],
    ['signed by theirs, in our name', () => signed(keys.staging, claims()), 'signature_invalid'],
    [
      'signed by ours, which says that it is the issuer',
      () =>
        signed(
          keys.prod,
          claims({ iss: 'spiffe://prod.example', sub: 'spiffe://staging.example/agents/agent-7' }),
        ),
      'signature_invalid',
    ],
    [
      'with an empty bundle, which trusts nobody',
      () => signed(keys.prod, claims({ sub: 'spiffe://gone.example/agents/agent-7' })),
      'key_unknown',
    ],
    ['a path that no rule names', named('spiffe://prod.example/other/agent-7'), 'no_rule_matches'],
    ['a path that only ends like ours', named('spiffe://prod.example/x/agents/agent-7'), 'no_rule_matches'],
    [
      'an orchestrator by path alone',
      named('spiffe://prod.example/ns/platform/sa/planner2'),
      'no_rule_matches',
    ],
    [
      'the orchestrator of another trust domain',
      () => signed(keys.staging, claims({ sub: 'spiffe://staging.example/ns/platform/sa/planner' })),
      'no_rule_matches',
    ],
  ]);
});

describe('refuses a key that is not for tokens', () => {
  refuses([
    ['one for certificates (x509-svid)', () => signed(keys.x509, claims()), 'key_unknown'],
    [
      'one for certificates, by no name',
      () => signed(keys.x509, claims(), { kid: undefined }),
      'signature_invalid',
    ],
    [
      'a stranger by the name of ours',
      () => signed(keys.stranger, claims(), { kid: 'svid-rsa' }),
      'signature_invalid',
    ],
    ['a partner', () => signed(keys.partner, claims()), 'key_unknown'],
    ['GitHub, in the name of a workload', () => github.token({ iss: undefined, sub: AGENT }), 'key_unknown'],
    ['a cluster, in the name of a workload', () => signed(keys.cluster, claims()), 'key_unknown'],
    ['a key that it brings along', headed({ jwk: {} }), 'header_not_allowed'],
    ['a key that it says where to find', headed({ jku: 'https://evil.example' }), 'header_not_allowed'],
    ['a chain that it brings along', headed({ x5c: [] }), 'header_not_allowed'],
    ['a thumbprint, which has no place there', headed({ 'x5t#S256': 'x' }), 'header_not_allowed'],
    ['a content type, which has no place there', headed({ cty: 'JWT' }), 'header_not_allowed'],
    ['any other member', headed({ trust_domain: 'prod.example' }), 'header_not_allowed'],
  ]);

  test.each<[string, object]>([
    ['for nothing in particular', { use: undefined }],
    ['for signatures, as a JWKS says', { use: 'sig' }],
    ['in capitals', { use: 'JWT-SVID' }],
    ['for tokens, and without a name', { kid: undefined }],
  ])('one %s', async (_, more) => {
    write('odd.json', { keys: [{ ...svidJwk(keys.prod), ...more }, svidJwk(keys.prodRsa)] });
    const by = await trusting({ ...TRUST.prod, bundle_file: 'odd.json' });
    for (const kid of ['svid', undefined]) {
      expect(await reasonOf(signed(keys.prod, claims({ kid }), { kid }), by)).toBe('key_unknown');
    }
    await accepted(signed(keys.prodRsa, claims()), by);
  });
});

describe('refuses an algorithm that no JWT-SVID has', () => {
  refuses([
    ['none', headed({ alg: 'none' }), 'algorithm_not_allowed'],
    ['HMAC with the public key', hmac, 'algorithm_not_allowed'],
    ['EdDSA', async () => signed(await issuerKey('EdDSA', 'svid'), claims()), 'algorithm_not_allowed'],
    ['Ed25519', headed({ alg: 'Ed25519' }), 'algorithm_not_allowed'],
    ['one that the trust does not name', headed({ alg: 'ES384' }), 'algorithm_not_allowed'],
    ['PS256 by the RSA key', () => signed(keys.prodRsa, claims(), { alg: 'PS256' }), 'algorithm_not_allowed'],
    ['RS256 by the name of an EC key', headed({ alg: 'RS256' }), 'key_unknown'],
    ['typ at+jwt', headed({ typ: 'at+jwt' }), 'token_type_not_allowed'],
    ['typ in small letters', headed({ typ: 'jwt' }), 'token_type_not_allowed'],
    ['typ null', headed({ typ: null }), 'token_type_not_allowed'],
  ]);
});

describe('refuses an SVID that is not for us, not for now, or not one', () => {
  refuses([
    ['for another service', saying({ aud: ['spiffe://prod.example/reports'] }), 'audience_mismatch'],
    ['for nobody', saying({ aud: [] }), 'audience_mismatch'],
    ['without aud', saying({ aud: undefined }), 'claim_missing'],
    ['without exp', saying({ exp: undefined }), 'claim_missing'],
    ['expired', () => saying({ iat: now() - 600, exp: now() - 31 })(), 'token_expired'],
    ['from the future', () => saying({ iat: now() + 60 })(), 'token_not_yet_valid'],
    ['of a year, by its iat', () => saying({ iat: now() - 90_000, exp: now() + 9e6 })(), 'token_too_old'],
    [
      'of a year, without an iat',
      () => saying({ iat: undefined, exp: now() + 31_536_000 })(),
      'token_too_old',
    ],
    ['iat of the wrong type', saying({ iat: 'yesterday' }), 'claim_mistyped'],
    ['oversized', saying({ x: 'x'.repeat(16_384) }), 'token_too_large'],
    ['a credential of ours, issued to a workload', saying({ iss: OWN_ISSUER }), 'own_credential'],
    ['iss of the wrong type', saying({ iss: [CLUSTER] }), 'claim_mistyped'],
    ['signed by a trust domain, for a cluster', saying({ iss: CLUSTER }), 'algorithm_not_allowed'],
    ['signed by a trust domain, for a partner', saying({ iss: PARTNER }), 'key_unknown'],
    [
      'signed by a partner, in the name of a workload',
      () => signed(keys.partner, claims({ iss: 'https://x.example' })),
      'key_unknown',
    ],
  ]);

  test('a partner that calls its subject so has that under its own name, and none of its rights', async () => {
    const principal = await accepted(signed(keys.partner, claims({ iss: PARTNER })));
    expect(principal).toMatchObject({ name: `partner/${AGENT}`, trust: 'partner', roles: [] });
  });
});

test('without any trust domain configured, no SPIFFE ID is looked at', async () => {
  const by = await trusting(TRUST.partner);
  expect(await reasonOf(signed(keys.prod, claims()), by)).toBe('claim_missing');
  expect(await reasonOf(signed(keys.prod, claims({ iss: 'https://spire.example' })), by)).toBe(
    'issuer_unknown',
  );
});

test('what is known of a trust domain is looked at without a fetch once it was read', async () => {
  await accepted(saying({})());
  expect(authenticator.authenticate(saying({ n: 1 })())).not.toBeInstanceOf(Promise);
});
