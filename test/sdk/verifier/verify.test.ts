// What a credential has to be to be accepted: everything that differs from one that a broker makes is refused, each for its reason.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { importJWK, jwtVerify } from 'jose';
import { permits } from '../../../src/sdk/verifier/index.js';
import { AUDIENCE, type FeedServer, signed, signingKey } from '../../fixtures/feed-server.js';
import { randomFrom, upTo } from '../../fixtures/random.js';
import { until } from '../../fixtures/until.js';
import { READ, VerifierScene } from './scene.js';

let scene: VerifierScene;
let feed: FeedServer;
beforeAll(async () => {
  scene = await VerifierScene.start({ reportCalls: false });
  ({ feed } = scene);
});
afterAll(() => scene.stop());

const now = (): number => Math.floor(feed.now() / 1000);

test('one that a broker made is accepted, and says whose it is', async () => {
  const token = feed.credential({ scope: 'read write', act: { sub: 'cluster/planner' } });
  const credential = await scene.verifier.verify(token, READ);
  expect(credential).toMatchObject({
    sub: 'cluster/agent-7',
    leaseId: expect.stringMatching(/^lease_/),
    taskId: 'run-42',
    tool: 'crm',
    plane: 'data',
    actions: ['read', 'write'],
    confirmedBy: 'feed',
    claims: { aud: AUDIENCE, client_id: 'cluster/agent-7' },
  });
  expect(credential.expiresAt).toBe(Number(credential.claims['exp']) * 1000);
});

test('whoever is handed it cannot make it say more for the next', async () => {
  const details = [{ type: 'mayfly_tool', actions: ['read'], resources: ['customers/7'] }];
  const token = feed.credential({ authorization_details: details });
  const {
    actions,
    details: given,
    claims,
  } = await scene.verifier.verify(token, { ...READ, resource: 'customers/7' });
  for (const list of [actions, given!, given![0]!.resources, claims['authorization_details']] as string[][])
    expect(() => list.push('write')).toThrow(TypeError);
  expect(await scene.tried(token, { ...READ, resource: 'customers/8' })).toBe('ERR_RESOURCE');
});

describe('it is refused', () => {
  test.each<[string, string, () => string | undefined]>([
    ['ERR_TOKEN_MISSING', 'where there is none', () => undefined],
    ['ERR_TOKEN_MISSING', 'where it is empty', () => ''],
    ['ERR_TOKEN_MALFORMED', 'where it is no JWS', () => 'a.b'],
    ['ERR_TOKEN_MALFORMED', 'where it has no end', () => `${feed.credential()}${'a'.repeat(20_000)}`],
    ['ERR_TOKEN_MALFORMED', 'with white space around it', () => `${feed.credential()} `],
    ['ERR_TOKEN_MALFORMED', 'as a JWE', () => 'a.b.c.d.e'],
    ['ERR_TYPE', 'as an id token', () => feed.credential({}, { typ: 'JWT' })],
    ['ERR_TYPE', 'as a word of the feed', () => feed.heartbeatJws({}, feed.credentialKey)],
    ['ERR_TYPE', 'without a type', () => feed.credential({}, { typ: undefined })],
    [
      'ERR_TYPE',
      'where its claim of single use is not its type',
      () => feed.credential({ single_use: true }),
    ],
    ['ERR_ALGORITHM', 'without a signature', () => feed.credential({}, { alg: 'none' })],
    ['ERR_ALGORITHM', 'with a shared key', () => feed.credential({}, { alg: 'HS256' })],
    ['ERR_TOKEN_MALFORMED', 'with extensions', () => feed.credential({}, { crit: ['b64'] })],
    [
      'ERR_KEY_UNKNOWN',
      'by an algorithm that its key is not for',
      () => feed.credential({}, { alg: 'RS256' }),
    ],
    ['ERR_KEY_UNKNOWN', 'by a key that nobody has', () => feed.credential({}, {}, signingKey('other'))],
    ['ERR_KEY_UNKNOWN', 'by the feed’s own key', () => feed.credential({}, {}, feed.feedKey)],
    ['ERR_KEY_UNKNOWN', 'without the name of a key', () => feed.credential({}, { kid: undefined })],
    ['ERR_SIGNATURE', 'by another key of that name', () => feed.credential({}, {}, signingKey('cred-1'))],
    [
      'ERR_SIGNATURE',
      'with a key that it brings along',
      () => {
        const mine = signingKey('cred-1');
        return feed.credential({}, { jwk: mine.jwk }, mine);
      },
    ],
    ['ERR_ISSUER', 'of another broker', () => feed.credential({ iss: 'https://other.example' })],
    ['ERR_EXPIRED', 'once it has run out', () => feed.credential({ exp: now() })],
    ['ERR_NOT_YET_VALID', 'before its time', () => feed.credential({ nbf: now() + 60 })],
    ['ERR_AUDIENCE', 'for another audience', () => feed.credential({ aud: 'https://search.example' })],
    ['ERR_TOKEN_MALFORMED', 'for several audiences', () => feed.credential({ aud: [AUDIENCE] })],
    ['ERR_TOOL', 'for another tool', () => feed.credential({ tool: 'search' })],
    ['ERR_PLANE', 'for another plane', () => feed.credential({ plane: 'tool' })],
    ['ERR_ACTION', 'for another action', () => feed.credential({ scope: 'write reading' })],
    ['ERR_ACTION', 'for no action', () => feed.credential({ scope: '' })],
    ['ERR_TOKEN_MALFORMED', 'without a subject', () => feed.credential({ sub: undefined })],
    [
      'ERR_TOKEN_MALFORMED',
      'where nobody vouches for its subject',
      () => feed.credential({ sub: 'agent-7' }),
    ],
    [
      'ERR_TOKEN_MALFORMED',
      'of a SPIFFE ID whose trust is not named',
      () => feed.credential({ sub: 'spiffe://a.example/b' }),
    ],
    ['ERR_TOKEN_MALFORMED', 'without a lease', () => feed.credential({ jti: 'x' })],
    ['ERR_TOKEN_MALFORMED', 'without an end', () => feed.credential({ exp: undefined })],
    ['ERR_TOKEN_MALFORMED', 'with an end that is no time', () => feed.credential({ exp: '2000000000' })],
    ['ERR_TOKEN_MALFORMED', 'with a task that cannot be', () => feed.credential({ task_id: 'run..1' })],
    [
      'ERR_TOKEN_MALFORMED',
      'with an actor without a name',
      () => feed.credential({ act: { act: { sub: 'a/b' } } }),
    ],
    ['ERR_TOKEN_MALFORMED', 'bound to what is no key', () => feed.credential({ cnf: { 'x5t#S256': 'x' } })],
    [
      'ERR_TOKEN_MALFORMED',
      'bound by details of another kind',
      () => feed.credential({ authorization_details: [{ type: 'other' }] }),
    ],
    [
      'ERR_PROOF_MISSING',
      'bound to a key, and without a proof',
      () => feed.credential({ cnf: { jkt: 'x' } }),
    ],
  ])('%s: %s', async (code, _name, token) => {
    const text = token();
    expect(await scene.tried(text)).toBe(code);
    // Nor when it is known.
    expect(await scene.tried(text)).toBe(code);
  });

  test('for a resource that it is not for, or where none is named', async () => {
    const token = feed.credential({
      scope: 'read write',
      authorization_details: [
        { type: 'mayfly_tool', actions: ['read'], resources: ['customers/*'] },
        { type: 'mayfly_tool', actions: ['write'], resources: ['customers/7'] },
      ],
    });
    const tried = (action: string, resource?: string): Promise<string> =>
      scene.tried(token, { tool: 'crm', action, ...(resource !== undefined && { resource }) });
    expect(await tried('read', 'customers/8')).toBe('accepted');
    expect(await tried('write', 'customers/7')).toBe('accepted');
    expect(await tried('write', 'customers/8')).toBe('ERR_RESOURCE');
    expect(await tried('read', 'orders/1')).toBe('ERR_RESOURCE');
    expect(await tried('read')).toBe('ERR_RESOURCE_UNNAMED');
    const credential = await scene.verifier.verify(token, { tool: 'crm', action: null });
    expect(permits(credential, 'read', 'customers/1')).toBeUndefined();
    expect(permits(credential, 'write', 'customers/1')?.code).toBe('ERR_RESOURCE');
    expect(permits(credential, 'delete')?.code).toBe('ERR_ACTION');
  });
});

test('a tool that it was not told of is a mistake, and no refusal', async () => {
  await expect(scene.verifier.verify('a.b.c', { tool: 'mail', action: 'send' })).rejects.toMatchObject({
    code: 'ERR_USAGE',
  });
});

test('a kill of the trust that vouches for a SPIFFE ID, or of whoever acts through another, reaches it', async () => {
  const spiffe = feed.credential({ sub: 'spiffe://a.example/b', trust: 'mesh' });
  const acted = feed.credential({ act: { sub: 'cluster/a', act: { sub: 'cluster/b' } } });
  expect([await scene.tried(spiffe), await scene.tried(acted)]).toEqual(['accepted', 'accepted']);
  feed.kill('trust', 'mesh', feed.now());
  feed.kill('agent', 'cluster/b', feed.now());
  await scene.becomes(spiffe, 'ERR_REVOKED');
  await scene.becomes(acted, 'ERR_REVOKED');
});

test('refusals tell their bearer no more than the RFCs have', async () => {
  const answers = await Promise.all(
    [
      undefined,
      'x',
      feed.credential({ exp: 1 }),
      feed.credential({ scope: 'a' }),
      feed.credential({ cnf: { jkt: 'x' } }),
    ].map((token) =>
      scene.verifier
        .verify(token, { tool: 'crm', action: 'read"\r\n' })
        .catch(({ status, wwwAuthenticate, message }: Record<string, unknown>) => [
          status,
          wwwAuthenticate,
          message,
        ]),
    ),
  );
  const dpop = 'algs="ES256 ES384 ES512 RS256 RS384 RS512 PS256 PS384 PS512 Ed25519 EdDSA"';
  expect(answers).toEqual([
    [401, `Bearer, DPoP ${dpop}`, 'a credential is needed'],
    [401, 'Bearer error="invalid_token"', 'the credential is not accepted'],
    [401, 'Bearer error="invalid_token"', 'the credential is not accepted'],
    [403, 'Bearer error="insufficient_scope", scope="read"', 'the credential does not permit this'],
    [403, 'Bearer error="insufficient_scope", scope="read"', 'the credential does not permit this'],
  ]);
});

test('new keys are fetched when they are named, and not for each token that names none', async () => {
  const fetches = (): number => feed.asked.filter((path) => path === '/jwks').length;
  // Time enough for one more has passed.
  scene.pass(2001);
  feed.credentialKey = signingKey('cred-2');
  const before = fetches();
  await scene.becomes(feed.credential(), 'accepted');
  expect(fetches()).toBe(before + 1);
  for (let n = 0; n < 20; n++)
    expect(await scene.tried(feed.credential({}, {}, signingKey(`other-${n}`)))).toBe('ERR_KEY_UNKNOWN');
  expect(fetches()).toBe(before + 1);
});

test('keys are fetched again when they are as old as their answer allows', async () => {
  feed.jwksHeaders = { 'cache-control': 'public, max-age=60' };
  const { length } = feed.asked.filter((path) => path === '/jwks');
  scene.pass(301_000);
  await until('they are fetched', () => feed.asked.filter((path) => path === '/jwks').length > length);
  await scene.becomes(feed.credential(), 'accepted');
});

/** The one text of what a lenient reader of base64url takes for the same: unused bits, white space, another alphabet. */
const writtenAnew = (token: string): string =>
  token
    .split('.')
    .map((part) => Buffer.from(part, 'base64url').toString('base64url'))
    .join('.');

test('jose and the verifier are of one mind about every token that was damaged', async () => {
  const key = await importJWK(feed.credentialKey.jwk, 'ES256');
  const terms = {
    issuer: feed.url,
    audience: AUDIENCE,
    typ: 'at+jwt',
    algorithms: ['ES256'],
    currentDate: new Date(feed.now()),
  };
  const seed = randomBytes(4).readUInt32BE();
  const random = randomFrom(seed);
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ ';
  const accepted = { ours: 0, joses: 0 };
  for (let n = 0; n < 300; n++) {
    let token = feed.credential({ n });
    if (n % 10 !== 0) {
      const at = upTo(random, token.length - 1);
      const put = alphabet[upTo(random, alphabet.length - 1)]!;
      token = token.slice(0, at) + (n % 3 === 0 ? '' : put) + token.slice(at + (n % 3 === 1 ? 0 : 1));
    }
    const ours = (await scene.tried(token)) === 'accepted';
    const joses = await jwtVerify(token, key, { ...terms, currentDate: new Date(feed.now()) }).then(
      () => true,
      () => false,
    );
    if (ours) accepted.ours++;
    if (joses) accepted.joses++;
    // Never more than jose; less only where two texts are one token.
    if (ours !== joses && !(joses && writtenAnew(token) !== token))
      throw new Error(`seed ${seed}: ours ${ours}, jose ${joses}: ${token}`);
  }
  expect(accepted.ours).toBeGreaterThanOrEqual(30);
});

test('a key set without names, algorithms or strength is worth nothing', async () => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const weak = { ...publicKey.export({ format: 'jwk' }), kid: 'weak', alg: 'RS256' };
  const { alg: _alg, ...unstated } = feed.credentialKey.jwk as Record<string, unknown>;
  feed.instead.set('/jwks', (_request, response) => response.end(JSON.stringify({ keys: [weak, unstated] })));
  scene.pass(301_000);
  await scene.becomes(feed.credential(), 'ERR_KEY_UNKNOWN');
  expect(await scene.tried(signed(feed.feedKey, 'at+jwt', {}))).toBe('ERR_KEY_UNKNOWN');
});
