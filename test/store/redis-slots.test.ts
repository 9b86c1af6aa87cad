// What keeps calls back while a loss is made good.
import { expect, test } from '@jest/globals';
import { Keys } from '../../src/store/redis/keys.js';
import { Slots } from '../../src/store/redis/slots.js';
import { until } from '../fixtures/until.js';

test('a server that is replaced while a loss is made good is told everything, too, before any call passes', async () => {
  const sent: string[] = [];
  const connections = {
    closed: false,
    run: () => Promise.resolve([1, 1, 1, sent.push('call')]),
  };
  const slots = new Slots({
    connections: connections as never,
    keys: new Keys('mayfly'),
    withinMs: 5_000,
  });
  const finish: (() => void)[] = [];
  slots.recovery = () => new Promise((resolve) => finish.push(resolve));

  slots.suspect('another server', true);
  const call = slots.ask('look', 0);
  slots.suspect('yet another one', true);
  finish[0]!();
  await until('it is made good once more', () => finish.length === 2);
  expect(sent).toEqual([]);
  finish[1]!();
  await call;
  expect([sent, finish.length]).toEqual([['call'], 2]);
});
