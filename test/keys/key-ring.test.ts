// A ring of signing keys: always one that signs, none that was killed, and a new one in time.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/domain/duration.js';
import { Secret } from '../../src/domain/secret.js';
import { MAX_TTL_MS } from '../../src/domain/tool.js';
import type { KeyRingOptions } from '../../src/keys/key-ring.js';
import { KeyRing } from '../../src/keys/key-ring.js';
import { Seal } from '../../src/keys/seal.js';
import { select, Scene } from '../contract/store/scene.js';
import { until } from '../fixtures/until.js';
import { embeddedHarness } from '../store/embedded-harness.js';

const harness = embeddedHarness();
const seal = new Seal([new Secret(randomBytes(32).toString('base64'))]);
let scene: Scene;
beforeEach(async () => {
  scene = await Scene.open(harness);
});
afterEach(() => harness.close());

const ROTATE_MS = 30 * DAY_MS;
const AHEAD_MS = HOUR_MS;

const open = (more: Partial<KeyRingOptions> = {}): Promise<KeyRing> =>
  KeyRing.open({
    store: scene.store,
    seal,
    clock: scene.clock,
    use: 'credential',
    algorithm: 'ES256',
    rotateEveryMs: ROTATE_MS,
    publishAheadMs: AHEAD_MS,
    clockSkewMs: MINUTE_MS,
    ...more,
  });
const kids = (ring: KeyRing): unknown[] => ring.jwks().keys.map((key) => (key as { kid?: string }).kid);
const rotations = async (): Promise<number> =>
  (await scene.store.auditEvents({ limit: 100 })).filter(({ action }) => action === 'key.rotate').length;

test('a first key signs at once, and is the same for everybody who opens the ring', async () => {
  const [one, other] = [await open(), await open()];
  expect(other.current().kid).toBe(one.current().kid);
  expect(kids(one)).toEqual([one.current().kid]);
  expect(await rotations()).toBe(1);
});

test('uses have keys of their own', async () => {
  const [credential, feed] = [await open(), await open({ use: 'feed' })];
  expect(feed.current().kid).not.toBe(credential.current().kid);
  expect(kids(credential)).not.toContain(feed.current().kid);
});

test.each(['ES256', 'Ed25519', 'RS256'] as const)(
  'a key of %s has what a verifier needs, and nothing that a thief would',
  async (algorithm) => {
    const ring = await open({ algorithm });
    const key = ring.current();
    expect(key.publicJwk).toMatchObject({ kid: key.kid, alg: algorithm, use: 'sig' });
    for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k'])
      expect(key.publicJwk).not.toHaveProperty(member);
    expect(key.kid).toMatch(/^[\w-]{43}$/);
    expect([key.privateKey.type, key.publicKey.type]).toEqual(['private', 'public']);
  },
);

describe('rotation', () => {
  test('however many brokers and turns there are, a period has one new key', async () => {
    const rings = [await open(), await open(), await open()];
    scene.clock.advance(ROTATE_MS - AHEAD_MS);
    await Promise.all(rings.flatMap((ring) => [ring.turn(), ring.turn()]));
    // A millisecond later somebody else sees the same need.
    scene.clock.advance(1);
    await Promise.all(rings.map((ring) => ring.turn()));
    expect(await rotations()).toBe(2);
    for (const ring of rings) expect(kids(ring)).toHaveLength(2);
  });

  test('whoever saw an older ring than there is adds nothing to it', async () => {
    const ring = await open();
    const [record] = await scene.store.signingKeys('credential');
    scene.clock.advance(ROTATE_MS);
    await ring.turn();
    // Another broker read the keys before that, and writes after it.
    const stale = { ...scene.store, signingKeys: () => Promise.resolve([record!]) };
    await open({ store: stale });
    expect(await scene.store.signingKeys('credential')).toHaveLength(2);
  });

  test('the next key takes over at its time, in a ring that nobody turns', async () => {
    const ring = await open();
    const first = ring.current().kid;
    scene.clock.advance(ROTATE_MS - AHEAD_MS);
    await ring.turn();
    const [, second] = kids(ring);
    scene.clock.advance(AHEAD_MS - 1);
    expect(ring.current().kid).toBe(first);
    scene.clock.advance(1);
    expect(ring.current().kid).toBe(second);
  });

  test('the old key stays for as long as anything that it signed may live', async () => {
    const ring = await open();
    const first = ring.current().kid;
    scene.clock.advance(ROTATE_MS);
    await ring.turn();
    scene.clock.advance(AHEAD_MS + MAX_TTL_MS + MINUTE_MS - 1);
    await ring.turn();
    expect(ring.byId(first)).toBeDefined();
    scene.clock.advance(1);
    await ring.turn();
    expect(ring.byId(first)).toBeUndefined();
    expect(kids(ring)).toEqual([ring.current().kid]);
  });

  test('in a ring that keeps all, however long ago: what it signed may be checked at any time', async () => {
    const ring = await open({ use: 'receipt', keepsAll: true });
    const first = ring.current().kid;
    for (let turns = 0; turns < 3; turns++) {
      scene.clock.advance(ROTATE_MS);
      await ring.turn();
    }
    expect([ring.byId(first)?.kid, kids(ring).length]).toEqual([first, 4]);
  });

  test('a broker that was away for long still publishes a key before it signs with it', async () => {
    const first = (await open()).current().kid;
    scene.clock.advance(10 * ROTATE_MS);
    const ring = await open();
    expect([ring.current().kid, kids(ring).length]).toEqual([first, 2]);
  });
});

describe('a killed key', () => {
  test('is out of the ring at the next turn, and another one signs', async () => {
    const ring = await open();
    const killed = ring.current().kid;
    await scene.revoke(select('key', killed));
    await ring.turn();
    expect(ring.byId(killed)).toBeUndefined();
    expect(ring.current().kid).not.toBe(killed);
    expect(kids(await open())).toEqual([ring.current().kid]);
  });

  test('does not come back when its selector is moot, whoever died before the ring was turned', async () => {
    const killed = (await open()).current().kid;
    await scene.revoke(select('key', killed));
    scene.clock.advance(DAY_MS);
    const ring = await open();
    expect(kids(ring)).not.toContain(killed);
    expect(ring.current().kid).not.toBe(killed);
  });

  test('neither signs nor is published, even where nothing can take its place', async () => {
    const store = { ...scene.store };
    const ring = await open({ store });
    const killed = ring.current().kid;
    await scene.revoke(select('key', killed));
    store.addSigningKey = () => Promise.reject(new Error('the disk is full'));
    await expect(ring.turn()).rejects.toThrow('the disk is full');
    expect([kids(ring), ring.isEmpty]).toEqual([[], true]);
  });

  test('still has a name while its successor is being made: whoever issues under it is told that it was killed', async () => {
    const store = { ...scene.store };
    const ring = await open({ store });
    const killed = ring.current();
    await scene.revoke(select('key', killed.kid));
    const made = new EventEmitter();
    store.addSigningKey = (...args) => once(made, 'made').then(() => scene.store.addSigningKey(...args));
    const turned = ring.turn();
    await until('the killed one is gone', () => Promise.resolve(ring.isEmpty));
    // It threw: an exchange in this moment, or a look at the metrics, ended as a fault of ours.
    expect([ring.current(), ring.byId(killed.kid), kids(ring)]).toEqual([killed, undefined, []]);
    made.emit('made');
    await Promise.all([turned, ring.drop(killed.kid)]);
    expect(kids(ring)).toEqual([ring.current().kid]);
    expect(ring.current().kid).not.toBe(killed.kid);
  });

  test('with its successor published already: that one signs', async () => {
    const ring = await open();
    scene.clock.advance(ROTATE_MS - AHEAD_MS);
    await ring.turn();
    const [first, second] = kids(ring) as [string, string];
    await scene.revoke(select('key', first));
    await ring.turn();
    expect(ring.current().kid).toBe(second);
    await scene.revoke(select('key', second));
    await ring.turn();
    expect([first, second]).not.toContain(ring.current().kid);
  });
});
