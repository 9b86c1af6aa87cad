// The race at one broker with a database of its own.
import { expect } from '@jest/globals';
import { join } from 'node:path';
import { BrokerProcess } from '../fixtures/broker-process.js';
import { judge, race, told } from './race-story.js';
import { embeddedRecord } from './record.js';

export async function raceAtOne(tasks: number): Promise<void> {
  const broker = await BrokerProcess.prepare({ log_level: 'warn' });
  try {
    await broker.start();
    const seed = Date.now() >>> 0;
    const seen = await race({ tasks, broker: () => broker, seed });
    await broker.end('SIGTERM');

    const events = await embeddedRecord(join(broker.folder, 'mayfly.db'));
    console.log(told(seen, tasks, events, seed));
    expect(judge(seen, events)).toEqual({
      late: [],
      alive: [],
      after: [],
      closed: tasks,
      unaccounted: [0, 0],
    });
    expect(seen.sentAfterClose).toBeGreaterThanOrEqual(tasks * 2);
    expect(seen.exchanged).toBeGreaterThan(tasks);
  } finally {
    await broker.remove();
  }
}
