// Service-account tokens of a cluster: what makes one ours, and every way we know of to pass for another workload.
import { describe, expect, test } from '@jest/globals';
import { sign } from 'node:crypto';
import { segment } from '../../fixtures/idp-keys.js';
import { OWN_ISSUER } from '../scene.js';
import type { Attack, Claims } from './world.js';
import {
  accepted,
  CLUSTER,
  github,
  keys,
  now,
  OTHER_CLUSTER,
  POD_UID,
  reasonOf,
  refuses,
  signed,
  TRUST,
  trusting,
} from './world.js';

const ACCOUNT_UID = '6ecd8c99-4036-403d-bf84-cf8400f67836';
const binding = (more: Claims = {}): Record<string, unknown> => ({
  namespace: 'agents',
  node: { name: 'node-1', uid: '517eb86e-b863-451b-bf70-86cb61439a3a' },
  pod: { name: 'agent-7-5d4f', uid: POD_UID },
  serviceaccount: { name: 'agent-7', uid: ACCOUNT_UID },
  ...more,
});
const claims = (more: Claims = {}, bound: unknown = binding()): Record<string, unknown> => ({
  iss: CLUSTER,
  aud: ['mayfly'],
  sub: 'system:serviceaccount:agents:agent-7',
  jti: '0b4a2f9e',
  iat: now(),
  nbf: now(),
  exp: now() + 3600,
  'kubernetes.io': bound,
  ...more,
});
const saying = (more: Claims) => (): string => signed(keys.cluster, claims(more));
const bound = (more: Claims) => (): string => signed(keys.cluster, claims({}, binding(more)));
const headed = (header: Claims) => (): string => signed(keys.cluster, claims(), header);
/** Of another account, in all places. */
const as =
  (namespace: string, name: string, more: Claims = {}) =>
  (): string =>
    signed(
      keys.cluster,
      claims(
        { sub: `system:serviceaccount:${namespace}:${name}` },
        binding({ namespace, serviceaccount: { name, uid: ACCOUNT_UID }, ...more }),
      ),
    );

const legacy = (more: Claims = {}): Record<string, unknown> => ({
  iss: CLUSTER,
  sub: 'system:serviceaccount:agents:agent-7',
  'kubernetes.io/serviceaccount/namespace': 'agents',
  'kubernetes.io/serviceaccount/secret.name': 'agent-7-token-x',
  'kubernetes.io/serviceaccount/service-account.name': 'agent-7',
  'kubernetes.io/serviceaccount/service-account.uid': ACCOUNT_UID,
  ...more,
});

describe('a projected token', () => {
  test('makes its bearer what the rules say of its namespace, account and pod', async () => {
    expect(await accepted(signed(keys.cluster, claims()))).toMatchObject({
      name: 'cluster/system:serviceaccount:agents:agent-7',
      trust: 'cluster',
      roles: [{ role: 'agent' }],
      instances: { pod: POD_UID },
    });
  });

  test('needs no pod where no rule asks for one, and then is no instance', async () => {
    const principal = await accepted(as('platform', 'planner', { pod: undefined, node: undefined })());
    expect(principal).toMatchObject({ roles: [{ role: 'orchestrator' }], instances: {} });
  });

  test('is matched by the uid of its pod', async () => {
    expect((await accepted(as('batch', 'job')())).roles).toEqual([{ role: 'agent' }]);
  });

  test.each<[string, object]>([
    ['its node', { namespace: 'agents', node: 'node-*' }],
    ['the uid of its account', { service_account_uid: ACCOUNT_UID }],
    ['its sub', { sub: 'system:serviceaccount:agents:*' }],
    ['one namespace of a list', { namespace: ['batch', 'agents'], service_account: ['agent-6', 'agent-7'] }],
  ])('can be told by %s', async (_, agent) => {
    const by = await trusting({ ...TRUST.cluster, roles: { agent } });
    expect((await accepted(signed(keys.cluster, claims()), by)).roles).toEqual([{ role: 'agent' }]);
    expect(
      await reasonOf(
        as('guests', 'guest', {
          node: { name: 'edge', uid: 'e' },
          serviceaccount: { name: 'guest', uid: 'g' },
        })(),
        by,
      ),
    ).toBe('no_rule_matches');
  });

  test('may be of a pod whose node is not registered, and so has a name alone', async () => {
    const token = as('nodes', 'daemon', { node: { name: 'node-virtual' } });
    expect((await accepted(token())).roles).toEqual([{ role: 'agent' }]);
    expect(await reasonOf(as('nodes', 'daemon', { node: { name: 'edge' } })())).toBe('no_rule_matches');
  });

  test('has no say in facts: a claim of that name is not one', async () => {
    const token = signed(
      keys.cluster,
      claims({ namespace: 'platform', service_account: 'planner', pod: 'x' }),
    );
    expect((await accepted(token)).roles).toEqual([{ role: 'agent' }]);
  });
});

describe('refuses a workload that is not the one it says', () => {
  refuses([
    ['sub of another account', saying({ sub: 'system:serviceaccount:platform:planner' }), 'claims_disagree'],
    ['sub of another namespace', saying({ sub: 'system:serviceaccount:batch:agent-7' }), 'claims_disagree'],
    ['sub of a user of the cluster', saying({ sub: 'system:admin' }), 'claims_disagree'],
    ['sub of a node', saying({ sub: 'system:node:node-1' }), 'claims_disagree'],
    ['sub with more behind', saying({ sub: 'system:serviceaccount:agents:agent-7:x' }), 'claims_disagree'],
    ['sub in capitals', saying({ sub: 'SYSTEM:SERVICEACCOUNT:AGENTS:AGENT-7' }), 'claims_disagree'],
    [
      'sub with a look-alike letter',
      saying({ sub: 'system:serviceaccount:agents:аgent-7' }),
      'claims_disagree',
    ],
    ['another namespace within', bound({ namespace: 'platform' }), 'claims_disagree'],
    [
      'another account within',
      bound({ serviceaccount: { name: 'planner', uid: ACCOUNT_UID } }),
      'claims_disagree',
    ],
    [
      'a namespace that swallows the account',
      () =>
        signed(
          keys.cluster,
          claims(
            { sub: 'system:serviceaccount:agents:agent-7:agent-7' },
            binding({ namespace: 'agents:agent-7' }),
          ),
        ),
      'claim_mistyped',
    ],
    ['a namespace with a look-alike letter', bound({ namespace: 'аgents' }), 'claim_mistyped'],
    ['a namespace that is a glob', bound({ namespace: '*' }), 'claim_mistyped'],
  ]);
});

describe('refuses a workload that no rule names', () => {
  refuses([
    ['an account of another namespace', as('default', 'agent-7'), 'no_rule_matches'],
    ['a namespace that only begins like ours', as('agents-evil', 'agent-7'), 'no_rule_matches'],
    ['an account that only ends like ours', as('agents', 'my-agent-7'), 'no_rule_matches'],
    ['the default account', as('agents', 'default'), 'no_rule_matches'],
    ['no pod where the rule wants one', as('agents', 'agent-7', { pod: undefined }), 'no_rule_matches'],
    [
      'another pod of the same account where the rule names one',
      as('batch', 'job', { pod: { name: 'job-x', uid: '00000000-4f89-11d3-9a0c-0305e82c3301' } }),
      'no_rule_matches',
    ],
    [
      'no pod where the rule wants one, and claims of those names instead',
      () => {
        const more = { pod: 'agent-7-5d4f', pod_uid: POD_UID, node: 'node-1' };
        return signed(keys.cluster, claims(more, binding({ pod: undefined })));
      },
      'no_rule_matches',
    ],
    [
      'no node where the rule wants one, and a claim of that name instead',
      () =>
        signed(
          keys.cluster,
          claims(
            { sub: 'system:serviceaccount:nodes:daemon', node: 'node-1' },
            binding({
              namespace: 'nodes',
              node: undefined,
              serviceaccount: { name: 'daemon', uid: ACCOUNT_UID },
            }),
          ),
        ),
      'no_rule_matches',
    ],
    [
      'a token bound to a Secret, where the rule wants a pod',
      as('agents', 'agent-7', { pod: undefined, secret: { name: 's', uid: 'u' } }),
      'no_rule_matches',
    ],
  ]);
});

describe('refuses a token of another cluster, issuer or kind', () => {
  refuses([
    ['the other cluster, under our name', () => signed(keys.other, claims()), 'signature_invalid'],
    [
      'the other cluster under its own name, for an account that only ours trusts',
      () => signed(keys.other, claims({ iss: OTHER_CLUSTER })),
      'no_rule_matches',
    ],
    ['a cluster that nobody trusts', saying({ iss: 'https://kubernetes.c.example' }), 'issuer_unknown'],
    [
      'the usual name of any cluster',
      saying({ iss: 'https://kubernetes.default.svc.cluster.local' }),
      'issuer_unknown',
    ],
    ['our issuer with a slash', saying({ iss: `${CLUSTER}/` }), 'issuer_unknown'],
    ['a stranger with a key of the same name', () => signed(keys.stranger, claims()), 'signature_invalid'],
    ['GitHub, for our issuer', () => github.token({ iss: CLUSTER }), 'key_unknown'],
    [
      'our cluster, for GitHub',
      () => signed(keys.cluster, github.claims(), { kid: 'github-1' }),
      'signature_invalid',
    ],
    [
      'our cluster, for a SPIFFE ID',
      saying({ iss: undefined, sub: 'spiffe://prod.example/agents/agent-7' }),
      'key_unknown',
    ],
    ['a credential of ours', saying({ iss: OWN_ISSUER }), 'own_credential'],
    ['an access token', headed({ typ: 'at+jwt' }), 'token_type_not_allowed'],
    ['a proof', headed({ typ: 'dpop+jwt' }), 'token_type_not_allowed'],
  ]);
});

describe('refuses a token of the older kind', () => {
  refuses([
    ['as it was: for ever and for everybody', () => signed(keys.cluster, legacy()), 'claim_missing'],
    [
      'by the issuer of its time',
      () => signed(keys.cluster, legacy({ iss: 'kubernetes/serviceaccount' })),
      'issuer_unknown',
    ],
    [
      'with an audience and times',
      () => signed(keys.cluster, legacy({ aud: 'mayfly', iat: now(), exp: now() + 60 })),
      'claims_disagree',
    ],
    ['with a binding of today beside it', () => signed(keys.cluster, legacy(claims())), 'claims_disagree'],
    ['of today, but without an end', saying({ exp: undefined }), 'claim_missing'],
    ['of today, but without a binding', saying({ 'kubernetes.io': undefined }), 'claim_missing'],
    ['without the account within', bound({ serviceaccount: undefined }), 'claim_missing'],
  ]);
});

describe('refuses a token that is not for us, or not for now', () => {
  refuses([
    ['for the API server', saying({ aud: ['https://kubernetes.default.svc'] }), 'audience_mismatch'],
    ['for a vault', saying({ aud: ['vault'] }), 'audience_mismatch'],
    ['for nobody', saying({ aud: [] }), 'audience_mismatch'],
    ['expired', saying({ iat: now() - 4000, nbf: now() - 4000, exp: now() - 31 }), 'token_expired'],
    ['of a year ago, made to last', saying({ iat: now() - 31_536_000, nbf: 0 }), 'token_too_old'],
    ['from the future', saying({ iat: now() + 60, nbf: now() + 60 }), 'token_not_yet_valid'],
    ['oversized', saying({ padding: 'x'.repeat(16_384) }), 'token_too_large'],
  ]);
});

describe('refuses a binding of the wrong type', () => {
  refuses([
    ...[null, 'agents', [], 7, true].map((value): Attack => [
      `the whole is ${JSON.stringify(value)}`,
      saying({ 'kubernetes.io': value }),
      'claim_mistyped',
    ]),
    ...[null, ['agents'], 7, '', {}, 'a/../b', 'a'.repeat(64)].map((namespace): Attack => [
      `namespace ${JSON.stringify(namespace).slice(0, 20)}`,
      bound({ namespace }),
      'claim_mistyped',
    ]),
    ...(['pod', 'serviceaccount', 'node'] as const).flatMap((what) =>
      [
        null,
        'x',
        ['x'],
        {},
        ...(what === 'node' ? [{ name: 'x', uid: '' }] : [{ name: 'x' }]),
        { uid: 'x' },
        { name: 7, uid: 'x' },
        { name: 'x', uid: { $ne: '' } },
      ].map((value): Attack => [
        `${what} ${JSON.stringify(value)}`,
        bound({ [what]: value }),
        'claim_mistyped',
      ]),
    ),
    ['a pod with an empty uid', bound({ pod: { name: 'x', uid: '' } }), 'claim_mistyped'],
  ]);
});

describe('refuses a header that chooses', () => {
  refuses([
    ['jku', headed({ jku: 'https://evil.example/openid/v1/jwks' }), 'header_not_allowed'],
    ['x5c', headed({ x5c: ['MIIB'] }), 'header_not_allowed'],
    ['jwk', headed({ jwk: {} }), 'header_not_allowed'],
    ['alg none', headed({ alg: 'none' }), 'algorithm_not_allowed'],
    ['HS256', headed({ alg: 'HS256' }), 'algorithm_not_allowed'],
    ['PS256 by the RSA key', headed({ alg: 'PS256' }), 'algorithm_not_allowed'],
    ['ES256', headed({ alg: 'ES256' }), 'algorithm_not_allowed'],
    ['a kid that nobody has', headed({ kid: 'k2' }), 'key_unknown'],
    [
      'a signature over something else',
      () => {
        const [header] = signed(keys.cluster, claims()).split('.');
        const signature = sign('sha256', Buffer.from(`${header}.x`), keys.cluster.privateKey);
        return `${header}.${segment(claims())}.${signature.toString('base64url')}`;
      },
      'signature_invalid',
    ],
  ]);
});
