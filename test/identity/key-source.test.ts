// Keys are fetched seldom, found when they are new, taken back in time, and kept through an outage for a while.
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/domain/duration.js';
import type { Refusal } from '../../src/domain/refusal.js';
import type { Authenticated, Authenticator } from '../../src/identity/authenticate.js';
import { body, DISCOVERY, JWKS, status } from '../fixtures/idp.js';
import { forge, type IssuerKey, issuerKey } from '../fixtures/idp-keys.js';
import { until } from '../fixtures/until.js';
import { accepted, reasonOf, Scene } from './scene.js';

const COOL_DOWN_MS = 10 * SECOND_MS;

let key: IssuerKey;
let next: IssuerKey;
let scene: Scene;
beforeAll(async () => {
  [key, next] = [await issuerKey('ES256', 'one'), await issuerKey('ES256', 'two')];
});
beforeEach(async () => void (scene = await Scene.open(key)));
afterEach(() => scene.close());

/** Well signed, by a key that nobody published. */
const garbage = (n: number): string => forge(next, { alg: 'ES256', kid: `nobody-${n}` }, scene.idp.claims());

/** A fresh token, signed by this key. */
const show = async (by: IssuerKey, authenticator: Authenticator): Promise<Authenticated> =>
  authenticator.authenticate(await scene.idp.token(by));

describe('an issuer is asked', () => {
  test('once, when 50 tokens come at once', async () => {
    const authenticator = scene.authenticator();
    const token = await scene.idp.token(key);
    await Promise.all(Array.from({ length: 50 }, () => accepted(authenticator.authenticate(token))));
    expect(scene.idp.requests).toEqual([DISCOVERY, JWKS]);
  });

  test('once in ten seconds, however many unknown keys are named', async () => {
    const authenticator = scene.authenticator();
    for (let round = 1; round <= 3; round++) {
      for (let n = 0; n < 100; n++)
        expect(await reasonOf(authenticator.authenticate(garbage(n)))).toBe('key_unknown');
      await Promise.all(
        Array.from({ length: 100 }, (_, n) => reasonOf(authenticator.authenticate(garbage(n)))),
      );
      expect(scene.fetches).toBe(round);
      scene.clock.advance(COOL_DOWN_MS - 1);
      expect(await reasonOf(authenticator.authenticate(garbage(0)))).toBe('key_unknown');
      expect(scene.fetches).toBe(round);
      scene.clock.advance(1);
    }
  });

  test('once in ten seconds also while it fails, and answers what is refused meanwhile at once', async () => {
    const authenticator = scene.authenticator();
    const token = await scene.idp.token(key);
    scene.idp.misbehave(DISCOVERY, status(500));
    for (let round = 1; round <= 3; round++) {
      expect(await reasonOf(authenticator.authenticate(token))).toBe('issuer_unavailable');
      for (let n = 0; n < 100; n++)
        expect(authenticator.authenticate(garbage(n))).toMatchObject({ reason: 'issuer_unavailable' });
      expect(scene.idp.requests).toHaveLength(round);
      scene.clock.advance(COOL_DOWN_MS);
    }
    scene.idp.behave();
    await accepted(authenticator.authenticate(token));
  });

  test('not at all for tokens that are refused without a key', async () => {
    const authenticator = scene.authenticator();
    const tokens = [
      'nonsense',
      forge(key, { alg: 'none', kid: 'one' }, scene.idp.claims()),
      forge(key, { alg: 'ES256', kid: 'one', jku: 'https://evil.example' }, scene.idp.claims()),
      forge(key, { alg: 'ES256', kid: 'one' }, { ...scene.idp.claims(), iss: 'https://evil.example' }),
    ];
    for (const token of tokens) expect(await reasonOf(authenticator.authenticate(token))).toBeDefined();
    expect(scene.idp.requests).toEqual([]);
  });

  test('once for two generations of the configuration, as long as where its keys are is the same', async () => {
    await accepted(scene.authenticator().authenticate(await scene.idp.token(key)));
    const renamed = scene.authenticator({ name: 'renamed', audiences: ['mayfly', 'other'] });
    expect(renamed.authenticate(await scene.idp.token(key))).toMatchObject({ name: 'renamed/agent-7' });
    expect(scene.fetches).toBe(1);

    const moved = scene.authenticator({ jwksUri: `${scene.idp.issuer}${JWKS}` });
    await accepted(moved.authenticate(await scene.idp.token(key)));
    expect(scene.idp.requests).toEqual([DISCOVERY, JWKS, JWKS]);
  });
});

describe('a key', () => {
  test('that is new is found when the first token names it', async () => {
    const authenticator = scene.authenticator();
    await accepted(show(key, authenticator));
    scene.idp.publish(key, next);
    scene.clock.advance(COOL_DOWN_MS);
    await accepted(show(next, authenticator));
    await accepted(show(key, authenticator));
    expect(scene.fetches).toBe(2);
  });

  test('that serves is looked for again every five minutes, and serves meanwhile', async () => {
    const authenticator = scene.authenticator();
    await accepted(show(key, authenticator));
    scene.idp.publish(next);
    scene.clock.advance(5 * MINUTE_MS);
    await accepted(show(key, authenticator));
    expect(scene.fetches).toBe(1);
    scene.clock.advance(1);
    await accepted(show(key, authenticator));
    await until('the key that was taken back is refused', async () => {
      return (await reasonOf(show(key, authenticator))) === 'key_unknown';
    });
    expect(scene.fetches).toBe(2);
  });

  test('that was taken back more than ten minutes ago serves for nothing, not even the first token since', async () => {
    const authenticator = scene.authenticator();
    await accepted(show(key, authenticator));
    scene.idp.publish(next);
    scene.clock.advance(10 * MINUTE_MS + 1);
    expect(await reasonOf(show(key, authenticator))).toBe('key_unknown');
  });

  test('is as old as the question, however long the answer is on its way', async () => {
    const authenticator = scene.authenticator();
    scene.idp.misbehave(JWKS, (response) => {
      scene.clock.advance(6 * MINUTE_MS);
      body(JSON.stringify({ keys: scene.idp.published }))(response);
    });
    const exp = scene.clock.now() / 1000 + 3600;
    await accepted(authenticator.authenticate(await scene.idp.token(key, { exp })));
    scene.idp.behave();
    scene.idp.publish(next);
    scene.clock.advance(4 * MINUTE_MS + 1);
    expect(await reasonOf(show(key, authenticator))).toBe('key_unknown');
  });

  test('that was taken back with all others leaves nobody trusted', async () => {
    const authenticator = scene.authenticator();
    await accepted(show(key, authenticator));
    scene.idp.publish();
    scene.clock.advance(10 * MINUTE_MS + 1);
    expect(await reasonOf(show(key, authenticator))).toBe('key_unknown');
    expect(await reasonOf(show(next, authenticator))).toBe('key_unknown');
  });

  test('serves for an hour while its issuer is down, then no more, and again when the issuer is back', async () => {
    const authenticator = scene.authenticator();
    await accepted(show(key, authenticator));
    await scene.idp.goDown();
    for (let minutes = 0; minutes < 60; minutes += 10) {
      scene.clock.advance(10 * MINUTE_MS);
      await accepted(show(key, authenticator));
    }
    const token = await scene.idp.token(key);
    await accepted(authenticator.authenticate(token));
    scene.clock.advance(1);
    // The token itself was verified a millisecond ago: without keys that counts for nothing.
    expect(await reasonOf(authenticator.authenticate(token))).toBe('issuer_unavailable');
    expect(await reasonOf(show(key, authenticator))).toBe('issuer_unavailable');

    await scene.idp.comeBack();
    scene.clock.advance(COOL_DOWN_MS);
    await accepted(show(key, authenticator));
  });

  test('that nobody knows, while its issuer is down, may be a new one: the issuer is unavailable', async () => {
    const authenticator = scene.authenticator();
    await accepted(show(key, authenticator));
    await scene.idp.goDown();
    scene.clock.advance(HOUR_MS / 2);
    const refusal = (await show(next, authenticator)) as Refusal;
    expect(refusal.reason).toBe('issuer_unavailable');
    expect(refusal.detail).toContain('ECONNREFUSED');
    await accepted(show(key, authenticator));
    await scene.idp.comeBack();
  });
});
