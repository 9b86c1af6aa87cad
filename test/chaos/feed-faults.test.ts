// Faults between a kill and a verifier, one after the other; the long form sleeps for a minute.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { hasRedis } from '../fixtures/redis/presence.js';
import { SentinelRedis } from '../fixtures/redis/sentinel.js';
import { StandaloneRedis } from '../fixtures/redis/standalone.js';
import { until } from '../fixtures/until.js';
import { asleep, MAX_STALENESS_MS, Stage } from './feed-faults.js';

const LIMIT_MS = 60_000;
const CUTS = 6;
const MINUTE_MS = 60_000;

(hasRedis ? describe : describe.skip)('never is what is dead accepted for longer than allowed', () => {
  let stage: Stage<StandaloneRedis>;
  beforeAll(async () => {
    stage = await Stage.open({ start: () => StandaloneRedis.start() });
    await stage.begin('alive');
  }, LIMIT_MS);
  afterAll(() => stage?.close());

  test(
    'when the stream is cut, in the middle of an event too, again and again',
    async () => {
      const { relay, tool } = stage;
      for (let cut = 1; cut <= CUTS; cut++) {
        await stage.begin(`cut-${cut}`);
        relay.cutAfter(cut * 17);
        await stage.killed(`cut-${cut}`);
        await until('it was cut', () => relay.cuts === cut);
      }
      await tool.accepts('alive');
      for (let cut = 1; cut <= CUTS; cut++) expect(await tool.refuses(`cut-${cut}`)).toBe('ERR_REVOKED');
    },
    LIMIT_MS,
  );

  test(
    'when a proxy keeps back what it should pass on',
    async () => {
      const { relay, tool } = stage;
      await stage.begin('held');
      relay.hold();
      await stage.killed('held');
      expect(await tool.refuses('alive')).toBe('ERR_STALE');
      relay.release();
      await tool.accepts('alive');
      expect(await tool.refuses('held')).toBe('ERR_REVOKED');
    },
    LIMIT_MS,
  );

  test.each([
    ['ahead', 2 * MINUTE_MS],
    ['behind', -2 * MINUTE_MS],
  ])(
    "when the verifier's clock is two minutes %s: credentials end at their time, and with their task",
    async (name, skewMs) => {
      const [first, second] = stage.brokers;
      const tool = stage.toolAt(first.url, {
        monotonic: () => performance.now(),
        wall: () => Date.now() + skewMs,
      });
      try {
        await second.openTask({ id: name });
        const asked = { task_id: name, audience: 'crm' };
        const short = await second.credential('agent-1', { ...asked, requested_expiry: '3' });
        const long = await second.credential('agent-2', asked);
        await tool.takes('short', short.access_token);
        await tool.takes('long', long.access_token);
        expect(await tool.refuses('short')).toBe('ERR_EXPIRED');
        const [, payload = ''] = short.access_token.split('.');
        const { exp } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { exp: number };
        const acceptedAt = performance.timeOrigin + tool.acceptedAt('short');
        expect(acceptedAt).toBeLessThan(exp * 1000 + MAX_STALENESS_MS);
        await tool.accepts('long');
        await second.complete(name);
        expect(await tool.refuses('long')).toBe('ERR_REVOKED');
      } finally {
        await tool.close();
      }
    },
    LIMIT_MS,
  );

  test('when the verifier was asleep', () => asleep(stage, 2 * MAX_STALENESS_MS), LIMIT_MS);

  test(
    'when Redis is killed, and comes back: nothing is accepted without it, and all of it again with it',
    async () => {
      const { redis, tool } = stage;
      await stage.begin('before');
      await stage.killed('before');
      await redis.server.kill();
      expect(await tool.refuses('alive')).toBe('ERR_STALE');
      await until('it says so', () => tool.events.at(-1)?.kind === 'stale');
      await redis.server.restart();
      await tool.accepts('alive');
      await until('it says so', () => tool.events.at(-1)?.kind === 'fresh');
      expect(await tool.refuses('before')).toBe('ERR_REVOKED');
    },
    LIMIT_MS,
  );

  test(
    'when the broker that is read is killed: another one goes on where it was',
    async () => {
      const { fleet, relay, tool } = stage;
      const [first, second] = stage.brokers;
      await stage.begin('meanwhile');
      const resumed = tool.told('resumed');
      await fleet.kill(first);
      relay.target = new URL(second.url);
      await stage.killed('meanwhile');
      await tool.accepts('alive');
      await until('it says so', () => tool.told('resumed') > resumed);
      expect(await tool.refuses('before')).toBe('ERR_REVOKED');
    },
    LIMIT_MS,
  );

  test(
    'when an old master still answers that nobody follows: it can promise nothing',
    async () => {
      const own = await Stage.open({
        start: () => SentinelRedis.start({ replicas: 1 }),
        store: { min_replicas: 1, replica_timeout: '300ms' },
      });
      try {
        const { redis, tool } = own;
        await own.begin('alive');
        const [replica] = await redis.replicas();
        await replica!.cli('REPLICAOF', 'NO', 'ONE');
        expect(await tool.refuses('alive')).toBe('ERR_STALE');
        const master = await redis.master();
        await replica!.cli('REPLICAOF', master.address.host, String(master.address.port));
        await tool.accepts('alive');
        // A replica that does not have it in time is told of as 503, which asks for saying it again.
        const [, second] = own.brokers;
        await until('the replica has the close', async () => (await second.complete('alive')).status === 200);
        await own.refusedInTime('alive');
      } finally {
        await own.close();
      }
    },
    LIMIT_MS,
  );
});
