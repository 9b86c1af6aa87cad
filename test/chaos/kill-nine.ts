// kill -9 at random moments under load, many times over: what was acknowledged is there, and what was dead stays dead.
import { expect } from '@jest/globals';
import { join } from 'node:path';
import type { TaskList } from '../../src/wire/tasks.js';
import { BrokerProcess } from '../fixtures/broker-process.js';
import { randomFrom, upTo } from '../fixtures/random.js';
import { until } from '../fixtures/until.js';
import { Callers } from './callers.js';
import { Ledger } from './ledger.js';
import { embeddedRecord, issuedAfterEnd, unrecorded } from './record.js';
import { storm } from './storm.js';
import type { Mark } from './verdict.js';
import { START, examine } from './verdict.js';

/** Answers after which the broker is killed, at most. */
const MOST_ANSWERS = 120;

export async function killNine(kills: number): Promise<void> {
  const broker = await BrokerProcess.prepare({ log_level: 'warn' });
  try {
    await killAndLook(broker, kills);
  } finally {
    await broker.remove();
  }
}

async function killAndLook(broker: BrokerProcess, kills: number): Promise<void> {
  const ledger = new Ledger();
  const seed = Date.now() >>> 0;
  const random = randomFrom(seed);
  const began = performance.now();
  const readyMs: number[] = [];
  let since: Mark = START;
  for (let round = 0; round <= kills; round++) {
    readyMs.push(await broker.start());
    await until(
      'no task is open a second past its deadline',
      async () => (await overdueTasks(broker)).length === 0,
      { withinMs: 1000 },
    );
    const isLast = round === kills;
    since = await examine(ledger, { broker: () => broker, since: isLast ? START : since, random });
    expect(ledger.wrong).toEqual([]);
    if (!isLast) await loadUntilKilled(broker, ledger, round, random);
  }
  expect(await broker.end('SIGTERM')).toEqual({ code: 0, signal: null });

  const events = await embeddedRecord(join(broker.folder, 'mayfly.db'));
  readyMs.sort((a, b) => a - b);
  console.log(
    `${kills} kills in ${((performance.now() - began) / 1000).toFixed(1)} s: ${ledger.summary()}; ready after ` +
      `${readyMs[Math.floor(readyMs.length / 2)]!.toFixed(0)} ms (median), ${readyMs.at(-1)!.toFixed(0)} ms (longest); seed ${seed}`,
  );
  expect(unrecorded(events, ledger.acknowledgements)).toEqual([]);
  expect(issuedAfterEnd(events).after).toEqual([]);
  expect(new Set(events.map(({ sequence }) => sequence)).size).toBe(events.length);
}

async function loadUntilKilled(
  broker: BrokerProcess,
  ledger: Ledger,
  round: number,
  random: () => number,
): Promise<void> {
  const killAt = ledger.counts.answers + 1 + upTo(random, MOST_ANSWERS);
  const isOver = (): boolean => {
    if (ledger.counts.answers < killAt) return false;
    broker.signal('SIGKILL');
    return true;
  };
  const callers = new Callers(ledger, `round-${round}`, random);
  await storm({ ledger, callers, broker: () => broker, isOver });
  expect(await broker.ended()).toEqual({ code: null, signal: 'SIGKILL' });
}

async function overdueTasks(broker: BrokerProcess): Promise<string[]> {
  const { body } = await broker.get<TaskList>('/v1/tasks?state=open&limit=200', 'operator');
  return body.tasks.filter(({ deadline }) => Date.parse(deadline) < Date.now() - 1000).map(({ id }) => id);
}
