// The JWT minter writes down what the lease says, and signs nothing that its lease does not say.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { claim, narrow } from '../../src/domain/grant.js';
import type { Grant } from '../../src/domain/grant.js';
import type { ActiveLease } from '../../src/domain/lease.js';
import { Refusal } from '../../src/domain/refusal.js';
import { Secret } from '../../src/domain/secret.js';
import type { Tool } from '../../src/domain/tool.js';
import { KeyRing } from '../../src/keys/key-ring.js';
import { Seal } from '../../src/keys/seal.js';
import { JwtMinter } from '../../src/minters/jwt/jwt-minter.js';
import type { Minted } from '../../src/minters/minter.js';
import { Scene } from '../contract/store/scene.js';
import { embeddedHarness } from '../store/embedded-harness.js';

const ISSUER = 'https://broker.example';
const TOOL: Tool = {
  name: 'crm',
  plane: 'data',
  audience: 'https://crm.example',
  actions: ['read', 'write'],
  sensitivity: 'internal',
  maxTtlMs: 300_000,
  renewable: true,
  credential: { kind: 'jwt' },
};
const MANIFEST = { agents: ['*'], tools: [{ tool: 'crm', actions: ['read'], resources: ['case/*'] }] };

const harness = embeddedHarness();
let keys: KeyRing;
let minter: JwtMinter;
let lease: ActiveLease;
const grant = granted();

function granted(): Grant {
  const asked = { actions: [] };
  const claimed = claim(asked, TOOL, MANIFEST);
  if (claimed instanceof Refusal) throw new Error(claimed.detail);
  return narrow(asked, claimed, TOOL, { policyDigest: 'digest' });
}

beforeAll(async () => {
  const scene = await Scene.open(harness);
  const seal = new Seal([new Secret(randomBytes(32).toString('base64'))]);
  const times = { rotateEveryMs: 1e9, publishAheadMs: 1e6, clockSkewMs: 1000 };
  keys = await KeyRing.open({
    store: scene.store,
    seal,
    clock: scene.clock,
    use: 'credential',
    algorithm: 'ES256',
    ...times,
  });
  minter = new JwtMinter(ISSUER, keys);
  await scene.task('run');
  lease = await scene.issue('run', { keyId: minter.keyId() });
});
afterAll(() => harness.close());

function minted(): Minted {
  const answer = minter.mint(lease, grant, lease.issuedAt);
  if (answer instanceof Refusal) throw new Error(answer.detail);
  return answer;
}

test('a credential says what its lease says, and jose agrees', async () => {
  const { secret, tokenType, issuedTokenType } = minted();
  const { payload } = await jwtVerify(secret.reveal(), createLocalJWKSet(keys.jwks() as never), {
    typ: 'at+jwt',
    issuer: ISSUER,
    audience: TOOL.audience,
    currentDate: new Date(lease.issuedAt),
  });
  expect(payload).toMatchObject({
    jti: lease.id,
    sub: lease.agent,
    exp: lease.expiresAt / 1000,
    scope: 'read',
    plane: 'data',
  });
  expect([tokenType, issuedTokenType]).toEqual(['Bearer', 'urn:ietf:params:oauth:token-type:access_token']);
});

test('the credential shows in no log, no JSON and no error', () => {
  const { secret, ...more } = minted();
  const seen = [
    String(secret),
    JSON.stringify({ secret, ...more }),
    inspect({ secret, ...more }),
    new Error(String(secret)).stack,
  ];
  expect(seen.join()).not.toContain(secret.reveal());
});

test.each<[what: string, lease: Partial<ActiveLease>, grant: object, now?: number]>([
  ['audience', { audience: 'https://others.example' }, {}],
  ['audience', {}, { tool: { ...TOOL, audience: 'https://others.example' } }],
  ['tool', { tool: 'search' }, {}],
  ['plane', { plane: 'cloud' }, {}],
  ['exp', { expiresAt: Date.UTC(2030, 0, 1) + 500 }, {}],
  ['exp', {}, {}, Date.UTC(2031, 0, 1)],
  ['scope', {}, { actions: ['read', 'write'] }],
])(
  'what would not match its lease in %s is not signed',
  (what, leaseChange, grantChange, now = lease.issuedAt) => {
    const wrong = { ...lease, ...leaseChange } as ActiveLease;
    expect(() => minter.mint(wrong, { ...grant, ...grantChange }, now)).toThrow(
      `would not match its lease in ${what}`,
    );
  },
);

test('a lease whose key is gone gets no credential by another one: whoever asked may ask again', () => {
  expect(minter.mint({ ...lease, keyId: 'gone' }, grant, lease.issuedAt)).toMatchObject({
    reason: 'key_revoked',
  });
});
