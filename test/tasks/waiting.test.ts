// Completions that wait for a target to let go: held open up to a limit, and over it answered at once. The task closes.
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { AuditEntry } from '../../src/audit/entry.js';
import type { Broker } from '../../src/broker.js';
import { requestId } from '../../src/domain/ids.js';
import type { VerifiedPrincipal } from '../../src/domain/principal.js';
import { Refusal } from '../../src/domain/refusal.js';
import type { Task } from '../../src/domain/task.js';
import { Limits } from '../../src/limits/limits.js';
import { completeTask } from '../../src/tasks/complete-task.js';
import { PLANNER, Scene, taskId } from '../contract/store/scene.js';
import { until } from '../fixtures/until.js';
import { embeddedHarness } from '../store/embedded-harness.js';

const MOST = 2;
const LONG_MS = 60_000;
const planner = { name: PLANNER, roles: [{ role: 'orchestrator' }] } as unknown as VerifiedPrincipal;
const operator = { name: 'cluster/operator', roles: [{ role: 'operator' }] } as unknown as VerifiedPrincipal;

const harness = embeddedHarness();
let scene: Scene;
let limits: Limits;
let broker: Broker;

beforeEach(async () => {
  scene = await Scene.open(harness);
  limits = new Limits({
    settings: {
      recordedRefusals: { perSecond: 1, burst: 1 },
      waitingPerPrincipal: MOST,
      summaryEveryMs: LONG_MS,
    },
    store: scene.store,
    clock: scene.clock,
    log: { warn: () => {}, error: () => {} },
    alone: true,
  });
  broker = { store: scene.store, clock: scene.clock, limits, wake: () => {} } as unknown as Broker;
});
afterEach(() => harness.close());

/** A task with a credential at a target that has not let go. */
async function held(id: string): Promise<void> {
  await scene.task(id);
  await scene.external(id);
}

async function complete(id: string, by = planner): Promise<Task> {
  const entry = new AuditEntry(requestId(), 'task.complete', { principal: by.name });
  const closed = await completeTask(broker, by, taskId(id), { outcome: 'completed', waitMs: LONG_MS }, entry);
  if (closed instanceof Refusal) throw new Error(closed.reason);
  return closed;
}

test('who has as many waiting as it may have is answered at once, and its task is closed all the same', async () => {
  for (const id of ['run-1', 'run-2', 'run-3', 'run-4']) await held(id);
  const waiting = [complete('run-1'), complete('run-2')];
  await until('both are closed', async () => (await scene.taskState('run-2')) === 'closed');
  expect(await complete('run-3')).toMatchObject({ state: 'closed', closed: { outcome: 'completed' } });
  // Somebody else waits for itself.
  const other = complete('run-4', operator);
  await scene.settleAll();
  expect((await Promise.all([...waiting, other])).map(({ state }) => state)).toEqual([
    'settled',
    'settled',
    'settled',
  ]);
});

test('has places again when it was answered, also where nothing could be read any more', async () => {
  for (const id of ['run-1', 'run-2', 'run-3', 'run-4']) await held(id);
  const waiting = [complete('run-1'), complete('run-2')];
  await until('both are closed', async () => (await scene.taskState('run-2')) === 'closed');
  await scene.settleAll();
  await Promise.all(waiting);
  const again = [complete('run-3'), complete('run-4')];
  await until('both are closed', async () => (await scene.taskState('run-4')) === 'closed');
  await scene.store.close();
  await Promise.all(again.map((one) => expect(one).rejects.toThrow('closed')));
  const places = [1, 2, 3].map(() => limits.hold(planner.name, { requestId: requestId() }));
  expect(places.map((place) => place !== undefined)).toEqual([true, true, false]);
});

test('what did not wait is told in summary', async () => {
  for (let n = 0; n < MOST; n++) limits.hold(planner.name, { requestId: requestId() });
  await held('run-1');
  await complete('run-1');
  await limits.stop();
  const [event] = await scene.store.auditEvents({ limit: 1 });
  expect(event).toMatchObject({
    action: 'request.limited',
    outcome: 'permitted',
    principal: PLANNER,
    detail: { limit: 'waiting_per_principal', count: 1 },
  });
});

test('a task that is settled already waits for nothing, and takes no place', async () => {
  await scene.task('run-1');
  for (let n = 0; n < MOST; n++) limits.hold(planner.name, { requestId: requestId() });
  expect((await complete('run-1')).state).toBe('settled');
  await limits.stop();
  expect((await scene.store.auditEvents({ limit: 9 })).map(({ action }) => action)).not.toContain(
    'request.limited',
  );
});
