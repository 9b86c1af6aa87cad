// What is remembered of verified tokens, and what ends the memory. The same object again means that it was remembered.
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { MINUTE_MS, SECOND_MS } from '../../src/domain/duration.js';
import { type IssuerKey, issuerKey } from '../fixtures/idp-keys.js';
import { accepted, reasonOf, Scene } from './scene.js';

let keys: readonly IssuerKey[];
let key: IssuerKey;
let scene: Scene;
beforeAll(async () => {
  keys = await Promise.all(['one', 'two'].map((kid) => issuerKey('ES256', kid)));
  key = keys[0]!;
});
beforeEach(async () => void (scene = await Scene.open(key)));
afterEach(() => scene.close());

describe('a token that was verified', () => {
  test('is known again, at once, for a minute and no longer', async () => {
    const authenticator = scene.authenticator();
    const token = await scene.idp.token(key);
    const principal = await accepted(authenticator.authenticate(token));
    scene.clock.advance(MINUTE_MS - 1);
    expect(authenticator.authenticate(token)).toBe(principal);
    scene.clock.advance(1);
    const again = authenticator.authenticate(token);
    expect(again).not.toBe(principal);
    expect(again).toEqual(principal);
  });

  test('is not kept alive by being shown again and again', async () => {
    const authenticator = scene.authenticator();
    const token = await scene.idp.token(key);
    const principal = await accepted(authenticator.authenticate(token));
    for (let seconds = 0; seconds < 59; seconds++) {
      scene.clock.advance(SECOND_MS);
      expect(authenticator.authenticate(token)).toBe(principal);
    }
    scene.clock.advance(SECOND_MS);
    expect(authenticator.authenticate(token)).not.toBe(principal);
  });

  test('is never remembered past its exp, tolerance or not', async () => {
    const authenticator = scene.authenticator();
    const token = await scene.idp.token(key, { exp: scene.clock.now() / 1000 + 10 });
    const principal = await accepted(authenticator.authenticate(token));
    scene.clock.advance(10 * SECOND_MS - 1);
    expect(authenticator.authenticate(token)).toBe(principal);
    scene.clock.advance(1);
    const again = await accepted(authenticator.authenticate(token));
    expect(again).not.toBe(principal);
    expect(authenticator.authenticate(token)).not.toBe(again);
    scene.clock.advance(30 * SECOND_MS);
    expect(authenticator.authenticate(token)).toMatchObject({ reason: 'token_expired' });
  });

  test('is never remembered past the age that its trust allows', async () => {
    const authenticator = scene.authenticator({ maxTokenAgeMs: 10 * SECOND_MS });
    const token = await scene.idp.token(key);
    await accepted(authenticator.authenticate(token));
    scene.clock.advance(40 * SECOND_MS);
    expect(authenticator.authenticate(token)).toMatchObject({ reason: 'token_too_old' });
  });

  test('is forgotten when its issuer takes its key back', async () => {
    const authenticator = scene.authenticator();
    const token = await scene.idp.token(key);
    await accepted(authenticator.authenticate(token));
    scene.idp.publish(keys[1]!);
    scene.clock.advance(10 * SECOND_MS);
    await accepted(authenticator.authenticate(await scene.idp.token(keys[1]!)));
    expect(await reasonOf(authenticator.authenticate(token))).toBe('key_unknown');
  });

  test('is checked anew when any key of its issuer changes', async () => {
    const authenticator = scene.authenticator();
    const token = await scene.idp.token(key);
    const principal = await accepted(authenticator.authenticate(token));
    scene.idp.publish(...keys);
    scene.clock.advance(10 * SECOND_MS);
    await accepted(authenticator.authenticate(await scene.idp.token(keys[1]!)));
    const again = await accepted(authenticator.authenticate(token));
    expect(again).not.toBe(principal);
    expect(authenticator.authenticate(token)).toBe(again);
  });

  test('is not known to the next generation of the configuration', async () => {
    const token = await scene.idp.token(key);
    await accepted(scene.authenticator().authenticate(token));
    const next = scene.authenticator({ audiences: ['mayfly-eu'] });
    expect(await reasonOf(next.authenticate(token))).toBe('audience_mismatch');
    const last = scene.authenticator({}, { trust: [] });
    expect(await reasonOf(last.authenticate(token))).toBe('issuer_unknown');
  });

  test('is forgotten when too many others were shown since: the least recently used goes first', async () => {
    const authenticator = scene.authenticator({}, { mostCached: 3 });
    const tokens = await Promise.all([1, 2, 3, 4].map((n) => scene.idp.token(key, { sub: `agent-${n}` })));
    const [first, second, third, fourth] = tokens as [string, string, string, string];
    const known = new Map<string, unknown>();
    const show = async (token: string): Promise<void> =>
      void known.set(token, await accepted(authenticator.authenticate(token)));
    for (const token of [first, second, third, first, fourth]) await show(token);

    for (const token of [first, third, fourth])
      expect(authenticator.authenticate(token)).toBe(known.get(token));
    expect(authenticator.authenticate(second)).not.toBe(known.get(second));
  });

  test('is not remembered at all where it was refused', async () => {
    const authenticator = scene.authenticator();
    const token = await scene.idp.token(key, { nbf: scene.clock.now() / 1000 + 40 });
    expect(await reasonOf(authenticator.authenticate(token))).toBe('token_not_yet_valid');
    scene.clock.advance(10 * SECOND_MS);
    await accepted(authenticator.authenticate(token));
  });
});
