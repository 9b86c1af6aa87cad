// `mayfly doctor` on real Redis servers with wrong settings: each is named with what to do, and a good one is good.
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { NEEDED_RIGHTS } from '../../src/store/redis/rights.js';
import { hasRedis } from '../fixtures/redis/presence.js';
import { StandaloneRedis } from '../fixtures/redis/standalone.js';
import type { Terms } from '../fixtures/broker-configuration.js';
import { Scene } from './doctor-scene.js';

const onRedis = hasRedis ? describe : describe.skip;
const MUCH = { maxmemory: '512mb' };

let scene: Scene;
let redis: StandaloneRedis | undefined;
beforeEach(async () => {
  scene = await Scene.set();
});
afterEach(async () => {
  await redis?.close();
  redis = undefined;
  await scene.end();
});

const start = async (terms: Parameters<typeof StandaloneRedis.start>[0]): Promise<StandaloneRedis> =>
  (redis = await StandaloneRedis.start(terms));

const storeOf = (more: object = {}): Terms => ({ store: { ...redis!.storeTerms(), ...more } });

onRedis('the store', () => {
  test('that is well has no finding but good ones', async () => {
    await start({ directives: MUCH });
    const { exit, broken, cautions, ok } = await scene.examine(storeOf());
    expect([exit, broken, cautions]).toEqual([0, [], []]);
    expect(ok.map(({ check }) => check)).toEqual(
      expect.arrayContaining(['store', 'store.memory', 'clock.store']),
    );
    expect(await redis!.server.cli('DBSIZE')).toBe(0);
  }, 20_000);

  test('that keeps nothing and throws away: each is broken', async () => {
    await start({ directives: { ...MUCH, appendonly: 'no', 'maxmemory-policy': 'allkeys-lru' } });
    const { exit, broken } = await scene.examine(storeOf());
    expect(exit).toBe(1);
    expect(broken.map(({ found }) => found)).toEqual([
      expect.stringContaining('set appendonly yes'),
      expect.stringContaining('set maxmemory-policy noeviction'),
    ]);
  }, 20_000);

  test('that is nearly full is broken, and one without a bound is to be thought about', async () => {
    await start({});
    const unbounded = await scene.examine(storeOf());
    expect([unbounded.broken, unbounded.cautions.map(({ check }) => check)]).toEqual([[], ['store.memory']]);
    const { used_memory: used } = await redis!.server.info('memory');
    await redis!.server.cli('CONFIG', 'SET', 'maxmemory', String(Math.round(Number(used) * 1.1)));
    const { broken } = await scene.examine(storeOf());
    expect(broken.map(({ check }) => check)).toEqual(['store.memory']);
  }, 20_000);

  test('that is down', async () => {
    await start({});
    await redis!.server.kill();
    const { broken } = await scene.examine(storeOf());
    expect(broken).toMatchObject([
      { check: 'store', found: 'Redis cannot be reached: nothing listens there' },
    ]);
  }, 20_000);

  test('that takes another password, and one whose password is not given', async () => {
    await start({ userFor: 'mayfly' });
    const wrong = await scene.examine(storeOf({ password_file: scene.file('other', 'not-the-password') }));
    expect(wrong.broken).toMatchObject([
      { check: 'store', found: expect.stringMatching(/does not take the name and password/) },
    ]);
    const { password_file: _, username: __, ...bare } = redis!.storeTerms();
    const none = await scene.examine({ store: bare });
    expect(none.broken).toMatchObject([{ check: 'store', found: expect.stringMatching(/wants a password/) }]);
  }, 20_000);

  test('whose user may not do all that a broker does', async () => {
    await start({});
    const user = ['ACL', 'SETUSER', 'poor', 'on', '>secret', '~mayfly:*', '&mayfly:*', '-@all'];
    const rights = NEEDED_RIGHTS.filter((right) => right !== 'xadd' && right !== 'zadd');
    await redis!.server.cli(...user, ...[...rights, 'acl|dryrun'].map((right) => `+${right}`));
    const login = { username: 'poor', password_file: scene.file('password', 'secret') };
    const { broken } = await scene.examine(storeOf(login));
    expect(broken).toMatchObject([
      { check: 'store.rights', found: expect.stringMatching(/may not zadd xadd$/) },
    ]);
  }, 20_000);

  test('that speaks TLS is not reached in plain text, nor with an unknown authority', async () => {
    await start({ tls: true });
    const { tls, ...terms } = redis!.storeTerms();
    const plain = String(terms['url']).replace('rediss:', 'redis:');
    const spoken = await scene.examine({ store: { ...terms, url: plain } });
    expect(spoken.broken).toMatchObject([{ check: 'store', todo: expect.stringMatching(/TLS/) }]);
    const unknown = await scene.examine({ store: terms });
    expect(unknown.broken).toMatchObject([
      { check: 'store', found: expect.stringMatching(/authority is not known/) },
    ]);
    expect((await scene.examine({ store: { ...terms, tls } })).broken).toEqual([]);
  }, 20_000);
});

test('the rights that are looked for are those that docs/operations.md gives', () => {
  const [, line = ''] =
    /^user mayfly on >PASSWORD .* -@all (.*)$/m.exec(readFileSync('docs/operations.md', 'utf8')) ?? [];
  const given = line.split(' ').map((right) => right.replace('+', ''));
  expect(given.filter((right) => right !== 'acl|dryrun').toSorted()).toEqual(NEEDED_RIGHTS.toSorted());
});
