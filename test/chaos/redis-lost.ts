// Redis goes away under load, by a kill -9 or for a failover, and comes back: what the brokers say before, meanwhile and after.
import { expect } from '@jest/globals';
import { BrokerFleet } from '../fixtures/broker-fleet.js';
import type { Terms } from '../fixtures/broker-configuration.js';
import { randomFrom, upTo } from '../fixtures/random.js';
import type { RedisDeployment } from '../fixtures/redis/deployment.js';
import { Callers } from './callers.js';
import { Ledger } from './ledger.js';
import { issuedAfterEnd, redisRecord, unrecorded } from './record.js';
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
  /** No broker is ready while it is away. */
  readonly isGone?: boolean;
}

export async function loseRedis<Redis extends RedisDeployment>(loss: Loss<Redis>): Promise<void> {
  const { start, rounds, mayForget = false } = loss;
  const seed = Date.now() >>> 0;
  const random = randomFrom(seed);
  const ledger = new Ledger({ mayBeUnavailable: true });
  const redis = await start();
  let fleet: BrokerFleet | undefined;
  try {
    const store = { command_timeout: '500ms', ...loss.store };
    fleet = await BrokerFleet.start({ count: BROKERS, redis, store });
    const at = fleet;
    const began = performance.now();
    const awayMs: number[] = [];
    let since: Mark = START;
    let forgotten = 0;
    for (let round = 0; round < rounds; round++) {
      const callers = new Callers(ledger, `round-${round}`, randomFrom(seed + round));
      const weather = { ledger, callers, broker: () => at.oneOf(random) };
      await stormDuring(weather, async () => {
        await answersLater(ledger, 1 + upTo(random, MOST_ANSWERS));
        const bringBack = await loss.lose(redis, random);
        const wentAt = performance.now();
        if (loss.isGone) await at.ready(false);
        await bringBack();
        await at.ready();
        awayMs.push(performance.now() - wentAt);
        await answersLater(ledger, MOST_ANSWERS);
      });
      const found = await examine(ledger, { broker: () => at.oneOf(random), since, random, mayForget });
      forgotten += found.forgotten;
      since = found;
      expect(ledger.wrong).toEqual([]);
    }
    await examine(ledger, { broker: () => at.oneOf(random), since: START, random, mayForget });
    const events = await redisRecord(redis);
    const kept = ledger.acknowledgements.filter(({ action }) => !mayForget || ENDS.has(action));
    const longest = Math.max(...awayMs).toFixed(0);
    console.log(
      `Redis (${redis.mode}) was taken away ${rounds} times in ${((performance.now() - began) / 1000).toFixed(1)} s: ` +
        `${ledger.summary()}; ${forgotten} forgotten that were no ends; ready again after ${longest} ms at the most; seed ${seed}`,
    );
    expect(ledger.wrong).toEqual([]);
    expect(unrecorded(events, kept)).toEqual([]);
    expect(issuedAfterEnd(events).after).toEqual([]);
  } finally {
    await fleet?.remove();
    await redis.close();
  }
}
