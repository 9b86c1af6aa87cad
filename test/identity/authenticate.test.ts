// Who a good token makes its bearer: name, roles, and for how long it is remembered.
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { sha256 } from '../../src/domain/digest.js';
import { MINUTE_MS, SECOND_MS } from '../../src/domain/duration.js';
import type { RoleRule } from '../../src/identity/trust.js';
import { forge, type IssuerKey, issuerKey } from '../fixtures/idp-keys.js';
import { accepted, reasonOf, Scene, trustIn } from './scene.js';

let key: IssuerKey;
let scene: Scene;
beforeAll(async () => void (key = await issuerKey('ES256', 'one')));
beforeEach(async () => void (scene = await Scene.open(key)));
afterEach(() => scene.close());

const rule = (role: RoleRule['grant']['role'], claims: Record<string, unknown>): RoleRule => ({
  grant: { role },
  claims: Object.entries(claims).map(([claim, anyOf]) => ({
    claim,
    anyOf: [anyOf].flat() as string[],
  })),
});

describe('a verified principal', () => {
  test('is named by the trust that vouches for it, with the digest of its token in the place of the token', async () => {
    const token = await scene.idp.token(key, { team: 'support' });
    const principal = await accepted(scene.authenticator().authenticate(token));
    expect(principal).toMatchObject({
      name: 'cluster/agent-7',
      trust: 'cluster',
      issuer: scene.idp.issuer,
      subject: 'agent-7',
      roles: [],
      tokenDigest: sha256(token),
      expiresAt: scene.clock.now() + 5 * MINUTE_MS,
    });
    expect(principal.claims).toMatchObject({ team: 'support' });
    expect(JSON.stringify(principal)).not.toContain(token.split('.')[2]);
  });

  test('says which key its token is confined to, and nothing of that where the token is confined to none', async () => {
    const jkt = '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I';
    const authenticator = scene.authenticator();
    const bound = await accepted(authenticator.authenticate(await scene.idp.token(key, { cnf: { jkt } })));
    expect(bound).toMatchObject({ confirmedKey: jkt, instances: {} });
    const free = await accepted(authenticator.authenticate(await scene.idp.token(key)));
    expect(free).not.toHaveProperty('confirmedKey');
  });

  test('cannot take the name of another trust, nor a SPIFFE ID, by its subject', async () => {
    const other = await Scene.open(key);
    const authenticator = scene.authenticator(
      {},
      { trust: [trustIn(scene.idp.issuer), trustIn(other.idp.issuer, { name: 'partner' })] },
    );
    const subjects = ['cluster/planner', 'spiffe://prod.example/planner'];
    for (const sub of subjects) {
      const ours = await accepted(authenticator.authenticate(await scene.idp.token(key, { sub })));
      const theirs = await accepted(authenticator.authenticate(await other.idp.token(key, { sub })));
      expect([ours.name, theirs.name]).toEqual([`cluster/${sub}`, `partner/${sub}`]);
    }
    await other.close();
  });

  test.each(['JWT', 'jwt', 'at+jwt', 'AT+JWT', 'application/at+jwt', undefined])(
    'may show a token of type %s',
    async (typ) => {
      const token = forge(key, { alg: 'ES256', kid: key.kid, typ }, scene.idp.claims());
      expect((await accepted(scene.authenticator().authenticate(token))).subject).toBe('agent-7');
    },
  );

  test.each([[['other', 'mayfly']], ['mayfly'], ['mayfly-eu']])('may be meant for %j', async (aud) => {
    const authenticator = scene.authenticator({ audiences: ['mayfly', 'mayfly-eu'] });
    await accepted(authenticator.authenticate(await scene.idp.token(key, { aud })));
  });

  test('may have a name of up to 1024 characters, in any script', async () => {
    for (const sub of ['x'.repeat(1024), 'Агент Zoë 🙂', 'system:serviceaccount:prod:agent-7']) {
      const token = await scene.idp.token(key, { sub });
      expect((await accepted(scene.authenticator().authenticate(token))).subject).toBe(sub);
    }
  });

  test('needs no kid where the issuer has one key that fits', async () => {
    const token = forge(key, { alg: 'ES256' }, scene.idp.claims());
    await accepted(scene.authenticator().authenticate(token));
  });

  test.each(['RS256', 'PS384', 'ES384', 'ES512', 'Ed25519', 'EdDSA'] as const)(
    'may be signed for by %s where the trust says so',
    async (algorithm) => {
      const other = await issuerKey(algorithm, 'other');
      scene.idp.publish(key, other);
      await accepted(
        scene
          .authenticator({ algorithms: [algorithm] })
          .authenticate(await scene.idp.token(other, { kid: 'other' })),
      );
    },
  );

  test('may say Ed25519 by its old name and its new one (RFC 9864)', async () => {
    const edwards = await issuerKey('EdDSA', 'edwards');
    scene.idp.publish(edwards);
    for (const algorithm of ['EdDSA', 'Ed25519'] as const)
      for (const alg of ['EdDSA', 'Ed25519']) {
        const token = forge(edwards, { alg, kid: 'edwards' }, scene.idp.claims());
        await accepted(scene.authenticator({ algorithms: [algorithm] }).authenticate(token));
      }
  });

  test('is known at once, without a promise, from the second token of its issuer on', async () => {
    const authenticator = scene.authenticator();
    expect(authenticator.authenticate(await scene.idp.token(key))).toBeInstanceOf(Promise);
    await accepted(authenticator.authenticate(await scene.idp.token(key)));
    expect(authenticator.authenticate(await scene.idp.token(key, { sub: 'agent-8' }))).toMatchObject({
      subject: 'agent-8',
    });
  });

  test('is vouched for by a key set from a file without any request', async () => {
    const token = await scene.idp.token(key);
    const answer = scene.authenticator({ jwks: { keys: [key.jwk] } }).authenticate(token);
    expect(answer).toMatchObject({ subject: 'agent-7' });
    expect(scene.idp.requests).toEqual([]);
  });
});

describe('roles', () => {
  test.each([
    ['an exact value', { sub: 'agent-7' }, {}, true],
    ['another value', { sub: 'agent-8' }, {}, false],
    ['a glob', { sub: 'agent-*' }, {}, true],
    ['one of several values', { sub: ['planner', 'agent-*'] }, {}, true],
    ['any member of a claim that is a list', { groups: 'oncall' }, { groups: ['dev', 'oncall'] }, true],
    ['no member of a claim that is a list', { groups: 'oncall' }, { groups: ['dev'] }, false],
    ['an empty list', { groups: '*' }, { groups: [] }, false],
    ['all claims of the rule', { sub: 'agent-*', env: 'prod' }, { env: 'prod' }, true],
    ['only some claims of the rule', { sub: 'agent-*', env: 'prod' }, { env: 'dev' }, false],
    ['a claim that is not there', { team: '*' }, {}, false],
    ['a claim that every object inherits', { constructor: '*', toString: '*' }, {}, false],
    ['a number', { tier: [3] }, { tier: 3 }, true],
    ['a number as text', { tier: [3] }, { tier: '3' }, false],
    ['a text as a number', { tier: '3' }, { tier: 3 }, false],
    ['a truth value', { verified: [true] }, { verified: true }, true],
    ['a truth value as text', { verified: [true] }, { verified: 'true' }, false],
    ['a list within a list', { groups: 'oncall' }, { groups: [['oncall']] }, false],
    ['an object in the place of a text', { team: '*' }, { team: { name: 'x' } }, false],
    ['other letters', { sub: 'Agent-*' }, {}, false],
  ])('are given, or not, for %s', async (_, claims, said, given) => {
    const authenticator = scene.authenticator({ roles: [rule('operator', claims)] });
    const principal = await accepted(authenticator.authenticate(await scene.idp.token(key, said)));
    expect(principal.roles).toEqual(given ? [{ role: 'operator' }] : []);
  });

  test('add up, each with its own reach', async () => {
    const roles: RoleRule[] = [
      { grant: { role: 'orchestrator', tasks: ['run-*'] }, claims: [{ claim: 'sub', anyOf: ['agent-*'] }] },
      { grant: { role: 'verifier', tools: ['crm'] }, claims: [{ claim: 'sub', anyOf: ['agent-7'] }] },
      { grant: { role: 'operator' }, claims: [{ claim: 'sub', anyOf: ['root'] }] },
    ];
    const principal = await accepted(scene.authenticator({ roles }).authenticate(await scene.idp.token(key)));
    expect(principal.roles).toEqual([
      { role: 'orchestrator', tasks: ['run-*'] },
      { role: 'verifier', tools: ['crm'] },
    ]);
  });
});

describe('clocks that differ', () => {
  test('are tolerated up to the limit, and not a millisecond further', async () => {
    const authenticator = scene.authenticator();
    const now = scene.clock.now() / 1000;
    const early = await scene.idp.token(key, { iat: now + 30, nbf: now + 30 });
    const tooEarly = await scene.idp.token(key, { iat: now + 30.001, nbf: now });
    await accepted(authenticator.authenticate(early));
    expect(await reasonOf(authenticator.authenticate(tooEarly))).toBe('token_not_yet_valid');

    const short = await scene.idp.token(key, { exp: now + 10 });
    scene.clock.advance(40 * SECOND_MS - 1);
    await accepted(authenticator.authenticate(short));
    scene.clock.advance(1);
    expect(await reasonOf(authenticator.authenticate(short))).toBe('token_expired');
  });

  test('do not let a token grow older than its trust allows', async () => {
    const authenticator = scene.authenticator({ maxTokenAgeMs: 2 * MINUTE_MS });
    const token = await scene.idp.token(key, { exp: scene.clock.now() / 1000 + 86_400 });
    scene.clock.advance(150 * SECOND_MS - 1);
    await accepted(authenticator.authenticate(token));
    scene.clock.advance(1);
    expect(await reasonOf(authenticator.authenticate(token))).toBe('token_too_old');
  });
});
