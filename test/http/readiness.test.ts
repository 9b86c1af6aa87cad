// Readiness costs a write to the store, and anybody may ask for it: many who ask share one look.
import { expect, test } from '@jest/globals';
import { isReady } from '../../src/http/health.js';
import type { Broker } from '../../src/broker.js';
import { until } from '../fixtures/until.js';

function scene() {
  let looks = 0;
  let ailment: string | undefined;
  const store = {
    ailment: () => {
      looks++;
      return Promise.resolve(ailment);
    },
  };
  const broker = { store, keys: { isEmpty: false } } as unknown as Broker;
  return {
    looks: () => looks,
    fail: () => (ailment = 'gone'),
    ask: () => isReady({ draining: () => false, broker }),
  };
}

test('a thousand who ask at once make the store look hardly more than once', async () => {
  const { ask, looks } = scene();
  const answers = await Promise.all(Array.from({ length: 1000 }, ask));
  expect(new Set(answers)).toEqual(new Set([true]));
  // A busy machine may take longer over them than a look is good for.
  expect(looks()).toBeLessThan(20);
});

test('what has changed is told a moment later', async () => {
  const { ask, fail } = scene();
  expect(await ask()).toBe(true);
  fail();
  await until('it is told', async () => !(await ask()));
});
