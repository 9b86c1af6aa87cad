// Redis goes away under load, by a kill -9 or for a failover, and comes back: what the brokers say before, meanwhile and after.
import { expect } from '@jest/globals';
import type { BrokerFleet } from '../fixtures/broker-fleet.js';
import type { BrokerProcess } from '../fixtures/broker-process.js';
import type { Terms } from '../fixtures/broker-configuration.js';
import { randomFrom, upTo } from '../fixtures/random.js';
import type { RedisDeployment } from '../fixtures/redis/deployment.js';
import { Callers } from './callers.js';
import { Ledger } from './ledger.js';
import { issuedAfterEnd, redisRecord, toldTwice, unrecorded } from './record.js';
import { scene } from './scene.js';
import { answersLater, stormDuring } from './storm.js';
import type { Mark } from './verdict.js';
import { START, examine } from './verdict.js';

const BROKERS = 2;
const MOST_ANSWERS = 120;
const ENDS: ReadonlySet<string> = new Set(['task.complete', 'lease.release', 'revocation.create']);

export interface Loss<Redis extends RedisDeployment> {
  readonly start: () => Promise<Redis>;
  readonly rounds: number;
  /** Members of `store` in the brokers' configuration. */
  readonly store?: Terms;
  /** Takes the Redis away; answers what brings it back, or another in its place. */
  readonly lose: (redis: Redis, random: () => number) => Promise<() => Promise<void>>;
  /** What was issued and opened last may be forgotten with the server that went away, never an end. */
  readonly mayForget?: boolean;
  /** Not even the record of an end need be there; that it ended must be known all the same. */
  readonly mayForgetRecord?: boolean;
  /** No broker is ready while it is away. */
  readonly isGone?: boolean;
}

export async function loseRedis<Redis extends RedisDeployment>(loss: Loss<Redis>): Promise<void> {
  const terms = { count: BROKERS, store: { command_timeout: '500ms', ...loss.store } };
  await scene(loss.start, terms, (redis, fleet) => loseAgainAndAgain(loss, redis, fleet));
}

async function loseAgainAndAgain<Redis extends RedisDeployment>(
  loss: Loss<Redis>,
  redis: Redis,
  fleet: BrokerFleet,
): Promise<void> {
  const { rounds, mayForget = false, mayForgetRecord = false } = loss;
  const seed = Date.now() >>> 0;
  const random = randomFrom(seed);
  const broker = (): BrokerProcess => fleet.oneOf(random);
  const ledger = new Ledger({ mayBeUnavailable: true });
  const began = performance.now();
  const awayMs: number[] = [];
  let since: Mark = START;
  let forgotten = 0;
  for (let round = 0; round < rounds; round++) {
    const callers = new Callers(ledger, `round-${round}`, randomFrom(seed + round));
    await stormDuring({ ledger, callers, broker }, async () => {
      await answersLater(ledger, 1 + upTo(random, MOST_ANSWERS));
      const wentAt = performance.now();
      const bringBack = await loss.lose(redis, random);
      if (loss.isGone) await fleet.ready(false);
      await bringBack();
      await fleet.ready();
      awayMs.push(performance.now() - wentAt);
      await answersLater(ledger, MOST_ANSWERS);
    });
    const found = await examine(ledger, { broker, since, random, mayForget });
    forgotten += found.forgotten;
    since = found;
    expect(ledger.wrong).toEqual([]);
  }
  await examine(ledger, { broker, since: START, random, mayForget });
  const events = await redisRecord(redis);
  const kept = ledger.acknowledgements.filter(({ action }) => !mayForget || ENDS.has(action));
  console.log(
    `Redis (${redis.mode}) was taken away ${rounds} times in ${((performance.now() - began) / 1000).toFixed(1)} s: ` +
      `${ledger.summary()}; ${forgotten} forgotten that were no ends; ready again after ` +
      `${Math.max(...awayMs).toFixed(0)} ms at the most; seed ${seed}`,
  );
  expect(ledger.wrong).toEqual([]);
  if (!mayForgetRecord) expect(unrecorded(events, kept)).toEqual([]);
  expect(toldTwice(events)).toEqual([]);
  expect(issuedAfterEnd(events).after).toEqual([]);
}
