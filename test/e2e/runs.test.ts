// Two brokers on one Redis, and runs of workflows that come to both at once: one task for each, whoever was first.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { systemClock } from '../../src/domain/clock.js';
import { TOKEN_EXCHANGE, TOKEN_TYPE } from '../../src/wire/token.js';
import type { Credential, Reply } from '../fixtures/broker-client.js';
import { BrokerFleet } from '../fixtures/broker-fleet.js';
import type { BrokerProcess } from '../fixtures/broker-process.js';
import { Workloads } from '../fixtures/broker-workloads.js';
import { Github, REPOSITORY_ID } from '../fixtures/github.js';
import { hasRedis } from '../fixtures/redis/presence.js';
import { StandaloneRedis } from '../fixtures/redis/standalone.js';

const RUNS = 12;
const JOBS_PER_BROKER = 4;

const taskOf = (run: string): string => `gh-${REPOSITORY_ID}-${run}-1`;

(hasRedis ? describe : describe.skip)('a run that comes to two brokers at once', () => {
  let folder: string;
  let redis: StandaloneRedis;
  let fleet: BrokerFleet;
  let github: Github;
  let first: BrokerProcess;
  let second: BrokerProcess;

  const trust = (...actions: string[]) => [
    Workloads.trust('./workloads.jwks.json'),
    {
      name: 'github',
      kind: 'github',
      audience: 'mayfly',
      jwks_file: join(folder, 'github.json'),
      roles: { agent: { repository_id: Number(REPOSITORY_ID) } },
      runs: { ttl: '10m', tools: [{ tool: 'crm', actions }] },
    },
  ];
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'mayfly-runs-'));
    github = await Github.of(systemClock());
    writeFileSync(join(folder, 'github.json'), JSON.stringify(github.jwks));
    redis = await StandaloneRedis.start();
    fleet = await BrokerFleet.start({ count: 2, redis, terms: { trust: trust('read') } });
    [first, second] = fleet.brokers as [BrokerProcess, BrokerProcess];
  }, 30_000);
  afterAll(async () => {
    await fleet?.remove();
    await redis?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const exchange = (broker: BrokerProcess, run: string, job: number): Promise<Reply<Credential>> =>
    broker.call<Credential>('POST', '/token', {
      form: {
        grant_type: TOKEN_EXCHANGE,
        // Jobs of one run have names of their own.
        subject_token: github.token({
          run_id: run,
          jti: `${run}-${job}`,
          sub: `repo:acme/app:environment:e${job}`,
        }),
        subject_token_type: TOKEN_TYPE.jwt,
        task_id: taskOf(run),
        audience: 'crm',
      },
    });
  const atOnce = async (run: string): Promise<Reply<Credential>[]> =>
    Promise.all(
      Array.from({ length: JOBS_PER_BROKER }, (_, job) => [
        exchange(first, run, job),
        exchange(second, run, job + JOBS_PER_BROKER),
      ]).flat(),
    );
  const openings = async (run: string) =>
    (await first.audit({ task: taskOf(run) })).filter(({ action }) => action === 'task.open');

  test('has its task opened once, every job gets its credential, and one close ends them all', async () => {
    for (let n = 0; n < RUNS; n++) {
      const run = String(7000 + n);
      const answers = await atOnce(run);
      expect(answers.map(({ status, text }) => (status === 200 ? 'issued' : text))).toEqual(
        answers.map(() => 'issued'),
      );
      expect((await openings(run)).filter(({ detail }) => detail['created'] === true)).toHaveLength(1);
      const bearer = github.token({ run_id: run, sub: 'repo:acme/app:ref:refs/heads/main' });
      const closed = await second.call('POST', `/v1/tasks/${taskOf(run)}/complete`, { bearer, json: {} });
      expect([closed.status, closed.body['state']]).toEqual([200, 'settled']);
      const alive = await Promise.all(
        answers.map(async ({ body }) => (await first.introspect(body.access_token)).active),
      );
      expect(alive).not.toContain(true);
    }
  });

  test('has the task of whoever was first also while their templates differ', async () => {
    second.configure({
      issuer: first.url,
      store: redis.storeTerms(),
      log_level: 'warn',
      trust: trust('read', 'write'),
    });
    await second.end('SIGTERM');
    await second.start();
    for (let n = 0; n < RUNS; n++) {
      const run = String(8000 + n);
      const answers = await atOnce(run);
      expect(answers.map(({ status, text }) => (status === 200 ? 'issued' : text))).toEqual(
        answers.map(() => 'issued'),
      );
      // No credential is wider than the task that there is.
      const [tool] = (await first.get(`/v1/tasks/${taskOf(run)}`, 'operator')).body['tools'] as {
        actions: string[];
      }[];
      expect(new Set(answers.map(({ body }) => body.scope))).toEqual(new Set([tool!.actions.join(' ')]));
    }
  });
});
