// Until every kill that brokers know is back in a store that lost some, nothing is issued, however long that takes.
import { describe, expect, test } from '@jest/globals';
import { hasRedis } from '../fixtures/redis/presence.js';
import { StandaloneRedis } from '../fixtures/redis/standalone.js';
import { until } from '../fixtures/until.js';
import { scene } from './scene.js';

const LIMIT_MS = 60_000;
const LOOKED_AT_MS = 2500;

/** Everything but what kills are kept in: `kills`, `wide`, `barred`. */
const NO_KILLS = ['resetkeys', '%R~mayfly:*', '~mayfly:*:[^kwb]*', '~mayfly:*:by:*'];
const ALL = ['resetkeys', '~mayfly:*'];

(hasRedis ? describe : describe.skip)('a store that lost everything', () => {
  test(
    'issues nothing while the kills cannot be written back, and knows them afterwards',
    () =>
      scene(
        () => StandaloneRedis.start({ userFor: 'mayfly' }),
        { count: 2, store: { command_timeout: '300ms' } },
        async (redis, fleet) => {
          const [first, second] = fleet.brokers;
          const permit = (rules: readonly string[]) =>
            redis.server.cli('ACL', 'SETUSER', redis.options().username!, ...rules);
          await first!.openTask({ id: 'before' });
          expect((await first!.kill({ agent: 'cluster/agent-2' }, { quarantine: true })).status).toBe(202);
          await second!.credential('agent-1', { task_id: 'before', audience: 'crm' });

          await permit(NO_KILLS);
          await redis.flush();
          const answered: number[] = [];
          const end = performance.now() + LOOKED_AT_MS;
          for (let asked = 0; performance.now() < end; asked++) {
            const broker = asked % 2 === 0 ? first! : second!;
            const id = `run-${asked}`;
            await broker.openTask({ id });
            answered.push((await broker.exchange('agent-2', { task_id: id, audience: 'crm' })).status);
            expect(await broker.isReady()).toBe(false);
          }
          expect(new Set(answered)).toEqual(new Set([503]));

          await permit(ALL);
          await fleet.ready();
          const opened = await until('a task is opened', async () => {
            const reply = await first!.openTask({ id: 'after' });
            return reply.status === 503 ? undefined : reply;
          });
          expect(opened.status).toBe(201);
          for (const broker of fleet.brokers) {
            const refused = await broker.exchange('agent-2', { task_id: 'after', audience: 'crm' });
            expect([refused.status, refused.body.error]).toEqual([400, 'invalid_target']);
            expect((await broker.get('/v1/quarantines', 'operator')).text).toContain('cluster/agent-2');
            await broker.credential('agent-1', { task_id: 'after', audience: 'crm' });
          }
        },
      ),
    LIMIT_MS,
  );
});
