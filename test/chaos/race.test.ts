// Invariant 1 over HTTP: whatever races with a close, nothing is issued after it, and all that was issued before is dead.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { BrokerProcess } from '../fixtures/broker-process.js';
import { judge, race, told } from './race-story.js';
import { embeddedRecord } from './record.js';

const TASKS = 2000;
const LIMIT_MS = 120_000;

let broker: BrokerProcess;
beforeAll(async () => {
  broker = await BrokerProcess.prepare({ log_level: 'warn' });
  await broker.start();
});
afterAll(() => broker.remove());

test(
  `of ${TASKS} tasks that are closed in the middle of everything, none gives anything after its close`,
  async () => {
    const seed = Date.now() >>> 0;
    const seen = await race({ tasks: TASKS, broker: () => broker, seed });
    await broker.end('SIGTERM');

    const events = await embeddedRecord(join(broker.folder, 'mayfly.db'));
    console.log(told(seen, TASKS, events, seed));
    expect(judge(seen, events)).toEqual({
      late: [],
      alive: [],
      after: [],
      closed: TASKS,
      unaccounted: [0, 0],
    });
    expect(seen.sentAfterClose).toBeGreaterThanOrEqual(TASKS * 2);
    expect(seen.exchanged).toBeGreaterThan(TASKS);
  },
  LIMIT_MS,
);
