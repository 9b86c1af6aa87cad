// One-time tokens against the real store: the first request has it, every other one is refused.
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { MINUTE_MS, SECOND_MS } from '../../src/domain/duration.js';
import type { Authenticator } from '../../src/identity/authenticate.js';
import { type Store, StoreUnavailable } from '../../src/store/store.js';
import { TERMS } from '../contract/store/harness.js';
import { type IssuerKey, issuerKey } from '../fixtures/idp-keys.js';
import { embeddedHarness } from '../store/embedded-harness.js';
import { accepted, reasonOf, Scene, trustIn } from './scene.js';

const harness = embeddedHarness();
let key: IssuerKey;
let scene: Scene;
let store: Store;
let authenticator: Authenticator;
beforeAll(async () => void (key = await issuerKey('ES256', 'one')));
beforeEach(async () => {
  scene = await Scene.open(key);
  store = await harness.open(scene.clock, TERMS);
  authenticator = scene.authenticator({ oneTime: true }, { store });
});
afterEach(async () => {
  await scene.close();
  await harness.close();
});

describe('a one-time token', () => {
  test('is good for one request', async () => {
    const token = await scene.idp.token(key, { jti: 'a' });
    await accepted(authenticator.authenticate(token));
    expect(await reasonOf(authenticator.authenticate(token))).toBe('token_replayed');
  });

  test('is good for one of 50 requests at once', async () => {
    const token = await scene.idp.token(key, { jti: 'a' });
    const reasons = await Promise.all(
      Array.from({ length: 50 }, () => reasonOf(authenticator.authenticate(token))),
    );
    expect(reasons.filter((reason) => reason === undefined)).toHaveLength(1);
    expect(reasons.filter((reason) => reason === 'token_replayed')).toHaveLength(49);
  });

  test('is used up by its jti, whatever else the token says and however it is signed', async () => {
    await accepted(authenticator.authenticate(await scene.idp.token(key, { jti: 'a' })));
    const again = await scene.idp.token(key, { jti: 'a', sub: 'agent-8' });
    expect(await reasonOf(authenticator.authenticate(again))).toBe('token_replayed');
    await accepted(authenticator.authenticate(await scene.idp.token(key, { jti: 'b' })));
  });

  test('is not used up by another issuer with the same jti', async () => {
    const other = await Scene.open(key);
    const trust = [scene, other].map(({ idp }, n) =>
      trustIn(idp.issuer, { name: `trust-${n}`, oneTime: true }),
    );
    const both = scene.authenticator({}, { trust, store });
    await accepted(both.authenticate(await scene.idp.token(key, { jti: 'a' })));
    await accepted(both.authenticate(await other.idp.token(key, { jti: 'a' })));
    await other.close();
  });

  test('stays used up under the next generation of the configuration', async () => {
    const token = await scene.idp.token(key, { jti: 'a' });
    await accepted(authenticator.authenticate(token));
    const next = scene.authenticator({ oneTime: true }, { store });
    expect(await reasonOf(next.authenticate(token))).toBe('token_replayed');
  });

  test('stays used up for as long as it would otherwise be taken', async () => {
    const exp = scene.clock.now() / 1000 + 120;
    const token = await scene.idp.token(key, { jti: 'a', exp });
    await accepted(authenticator.authenticate(token));
    scene.clock.advance(150 * SECOND_MS - 1);
    expect(await reasonOf(authenticator.authenticate(token))).toBe('token_replayed');
    scene.clock.advance(1);
    expect(await reasonOf(authenticator.authenticate(token))).toBe('token_expired');
  });

  test('is not used up by a request that was refused for another reason', async () => {
    const token = await scene.idp.token(key, { jti: 'a' });
    const elsewhere = scene.authenticator({ oneTime: true, audiences: ['elsewhere'] }, { store });
    expect(await reasonOf(elsewhere.authenticate(token))).toBe('audience_mismatch');
    await accepted(authenticator.authenticate(token));
  });

  test.each([undefined, ''])('needs a jti: not %j', async (jti) => {
    expect(await reasonOf(authenticator.authenticate(await scene.idp.token(key, { jti })))).toBe(
      'claim_missing',
    );
  });

  test('stands on record without its jti, and no longer than it could be shown', async () => {
    const records: [string, number][] = [];
    const recording = scene.authenticator(
      { oneTime: true, maxTokenAgeMs: 5 * MINUTE_MS },
      { store: { once: (name, until) => Promise.resolve(records.push([name, until]) > 0) } },
    );
    const exp = scene.clock.now() / 1000 + 86_400;
    await accepted(recording.authenticate(await scene.idp.token(key, { jti: 'secret-jti', exp })));
    const [[name, until]] = records as [[string, number]];
    expect(name).toMatch(/^[\w-]{43}$/);
    // Age, tolerance, and a minute for a store whose clock is ahead.
    expect(until).toBe(scene.clock.now() + (5 + 0.5 + 1) * MINUTE_MS);
  });

  test('is not taken where the store cannot say', async () => {
    const failing = { once: () => Promise.reject(new StoreUnavailable('the disk is gone')) };
    const without = scene.authenticator({ oneTime: true }, { store: failing });
    const token = await scene.idp.token(key, { jti: 'a' });
    await expect(async () => without.authenticate(token)).rejects.toThrow(StoreUnavailable);
  });
});
