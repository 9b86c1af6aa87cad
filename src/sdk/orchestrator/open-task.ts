// Opens a task for whoever ends it by hand.
import { MayflyClient } from '../client/index.js';
import { BrokerClock } from './broker-clock.js';
import type { TaskOptions } from './options.js';
import { opened } from './opening.js';
import type { RunningTask } from './running-task.js';
import { childOf } from './within.js';

/**
 * A task that ends by `complete()`, `fail()` or `cancel()`, or with the block that it is used in.
 *
 * @throws MayflyError as the broker refuses, or the reason of `signal`
 *
 * @example
 * await using task = await openTask({ broker, token, purpose, agents, tools, ttl: '5m' });
 * await work(task.id);
 * await task.complete();
 */
export function openTask(options: TaskOptions): Promise<RunningTask> {
  const clock = new BrokerClock();
  const broker = new MayflyClient({
    ...options,
    url: options.broker,
    onAnswer: (answer) => {
      clock.hear(answer.brokerTime);
      options.onAnswer?.(answer);
    },
  });
  return opened({ broker, clock, terms: options, below: childOf });
}
