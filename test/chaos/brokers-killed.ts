// kill -9 of brokers that share a Redis, at random points under load: the others go on, and nothing is left behind.
import { expect } from '@jest/globals';
import type { BrokerFleet } from '../fixtures/broker-fleet.js';
import type { BrokerProcess } from '../fixtures/broker-process.js';
import { randomFrom, upTo } from '../fixtures/random.js';
import type { RedisDeployment } from '../fixtures/redis/deployment.js';
import { until } from '../fixtures/until.js';
import type { AuditEvent } from '../../src/audit/event.js';
import { Callers } from './callers.js';
import { Ledger } from './ledger.js';
import { issuedAfterEnd, redisRecord, toldTwice, unrecorded } from './record.js';
import { scene } from './scene.js';
import { answersLater, stormDuring } from './storm.js';
import { START, examine } from './verdict.js';

const BROKERS = 3;
/** Answers after which the next broker is killed, at most. */
const MOST_ANSWERS = 80;
/** Of a deadline that nobody looked at, because who would have is dead. */
const MOST_LATE_MS = 2000;

export function killBrokersOn(start: () => Promise<RedisDeployment>, kills: number): Promise<void> {
  return scene(start, { count: BROKERS }, async (redis, fleet) => {
    const seed = Date.now() >>> 0;
    const random = randomFrom(seed);
    const ledger = new Ledger();
    const broker = (): BrokerProcess => fleet.oneOf(random);
    const callers = new Callers(ledger, 'storm', randomFrom(seed + 1));
    const began = performance.now();
    await stormDuring({ ledger, callers, broker }, () => killAtRandom(fleet, ledger, kills, random));
    const seconds = (performance.now() - began) / 1000;
    await examine(ledger, { broker, since: START, random });
    await until('no deadline is still to come', () => pastDeadlines(ledger), { withinMs: 5000 });
    const events = await redisRecord(redis);
    const late = lateness(ledger, events);
    console.log(
      `${kills} kills of ${BROKERS} brokers (${redis.mode}) in ${seconds.toFixed(1)} s: ${ledger.summary()}; ` +
        `${late.expired} ran out, the latest was told ${late.longestMs} ms after its deadline; seed ${seed}`,
    );
    expect(ledger.wrong).toEqual([]);
    expect(unrecorded(events, ledger.acknowledgements)).toEqual([]);
    expect(issuedAfterEnd(events).after).toEqual([]);
    expect(toldTwice(events)).toEqual([]);
    expect(new Set(events.map(({ sequence }) => sequence)).size).toBe(events.length);
    expect(late.open).toEqual([]);
    expect(late.longestMs).toBeLessThan(MOST_LATE_MS);
  });
}

/** One or two at a time, so that one is always up; they come back while the next are killed. */
async function killAtRandom(
  fleet: BrokerFleet,
  ledger: Ledger,
  kills: number,
  random: () => number,
): Promise<void> {
  const restarts: Promise<unknown>[] = [];
  for (let killed = 0; killed < kills; killed++) {
    await answersLater(ledger, 1 + upTo(random, MOST_ANSWERS));
    await until(
      'another broker could be asked',
      () => fleet.brokers.filter((one) => fleet.isUp(one)).length > 1,
    );
    const victim = fleet.oneOf(random);
    await fleet.kill(victim);
    restarts.push(fleet.restart(victim));
  }
  await Promise.all(restarts);
  // The others go on while nobody is missing, too.
  await answersLater(ledger, MOST_ANSWERS);
}

const SHORT_MS = 60_000;

const shortLived = (ledger: Ledger): [id: string, deadline: number][] =>
  [...ledger.opened]
    .map(([id, { deadline }]): [string, number] => [id, deadline])
    .filter(([, deadline]) => deadline < Date.now() + SHORT_MS);

const pastDeadlines = (ledger: Ledger): boolean =>
  shortLived(ledger).every(([, deadline]) => deadline + MOST_LATE_MS < Date.now());

interface Lateness {
  readonly expired: number;
  readonly longestMs: number;
  /** Past their deadline, and nobody has told of any end. */
  readonly open: readonly string[];
}

function lateness(ledger: Ledger, events: readonly AuditEvent[]): Lateness {
  const { ended } = issuedAfterEnd(events);
  const expiries = events.filter(({ action }) => action === 'task.expire');
  const lates = expiries.map(({ taskId = '', at }) => at - (ledger.opened.get(taskId)?.deadline ?? at));
  return {
    expired: expiries.length,
    longestMs: Math.max(0, ...lates),
    open: shortLived(ledger)
      .map(([id]) => id)
      .filter((id) => !ended.has(`task:${id}`)),
  };
}
