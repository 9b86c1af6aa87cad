// A replica takes over from a master that was lost, closes having been acknowledged without min_replicas.
import { expect } from '@jest/globals';
import type { TaskId } from '../../src/domain/ids.js';
import type { BrokerFleet } from '../fixtures/broker-fleet.js';
import type { BrokerProcess } from '../fixtures/broker-process.js';
import { crew } from '../fixtures/crew.js';
import type { SentinelRedis } from '../fixtures/redis/sentinel.js';
import { until } from '../fixtures/until.js';
import type { Scene } from './followed-scene.js';
import { redisStore } from './record.js';

export const TASKS = 100;
const HANDS = 8;

/** The brokers write back all that it lost, and nothing is revived meanwhile. */
export async function takeOver({ redis, fleet, first }: Scene, isCutOff: boolean): Promise<void> {
  const held = await closeTasks(fleet, isCutOff ? redis : undefined);
  const { lost, late } = await failOver(redis, fleet, held);
  const known = await redisStore(redis);
  const began = performance.now();
  const isOpen = async (id: string): Promise<boolean> =>
    (await known.readTask(id as TaskId))?.state === 'open';
  await fleet.ready();
  await until('every close is in the store again', async () => {
    for (const { id } of held) if (await isOpen(id)) return false;
    return true;
  });
  const ms = performance.now() - began;
  await known.close();
  const alive: string[] = [];
  await crew(HANDS, held, async ({ id, token }) => {
    if ((await first.introspect(token)).active) alive.push(id);
  });
  console.log(
    `${TASKS} closes were acknowledged without min_replicas, the replica ${isCutOff ? 'cut off a moment before' : 'following to the end'}: the new master had lost ` +
      `${lost.length}; the brokers wrote back ${lost.length} of these within ${ms.toFixed(0)} ms of being ready; ` +
      `revived meanwhile: ${late.length}`,
  );
  expect({ alive, late }).toEqual({ alive: [], late: [] });
  if (isCutOff) expect(lost).toHaveLength(TASKS);
}

interface Closed {
  readonly id: string;
  readonly token: string;
}

/** Each with a credential; all of them acknowledged. */
async function closeTasks(fleet: BrokerFleet, cutOff: SentinelRedis | undefined): Promise<Closed[]> {
  const [first, second] = fleet.brokers as [BrokerProcess, BrokerProcess];
  const held: Closed[] = [];
  await crew(HANDS, Array.from({ length: TASKS }).keys(), async (index) => {
    const id = `run-${index}`;
    await first.openTask({ id });
    const { access_token: token } = await second.credential('agent-1', { task_id: id, audience: 'crm' });
    held.push({ id, token });
  });
  for (const replica of (await cutOff?.replicas()) ?? []) await replica.cutOff();
  await crew(HANDS, held, async ({ id }) => {
    const { status, text } = await (Number(id.slice(4)) % 2 === 0 ? first : second).complete(id);
    if (status !== 200) throw new Error(`the close of ${id} was refused: ${text}`);
  });
  return held;
}

/** The brokers hold still while the replica takes over: what it lost is looked at before anybody writes it back. */
async function failOver(
  redis: SentinelRedis,
  fleet: BrokerFleet,
  held: readonly Closed[],
): Promise<{ lost: string[]; late: string[] }> {
  const old = await redis.master();
  await old.kill();
  for (const broker of fleet.brokers) broker.signal('SIGSTOP');
  await redis.promoted(old);
  const stranger = await redisStore(redis);
  const lost: string[] = [];
  for (const { id } of held) if ((await stranger.readTask(id as TaskId))?.state === 'open') lost.push(id);
  await stranger.close();

  // From the first moment on: no credential for a task that was closed, and none that is active.
  const late: string[] = [];
  const time = { isOver: false };
  const asking = fleet.brokers.map(async (broker) => {
    for (let index = 0; !time.isOver; index++) {
      const { id, token } = held[index % held.length]!;
      const reply = await broker.exchange('agent-2', { task_id: id, audience: 'crm' });
      if (reply.status === 200) late.push(`issued for ${id}`);
      if ((await broker.introspect(token)).active) late.push(`${id} is active`);
    }
  });
  for (const broker of fleet.brokers) broker.signal('SIGCONT');
  await fleet.ready();
  time.isOver = true;
  await Promise.all(asking);
  return { lost, late };
}
