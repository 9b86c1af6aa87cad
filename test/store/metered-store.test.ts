// The metered store counts what the store did: each thing once, and nothing that was refused or done before.
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { MINUTE_MS } from '../../src/domain/duration.js';
import { Refusal } from '../../src/domain/refusal.js';
import { ContextChanged } from '../../src/domain/tree-context.js';
import { meteredStore } from '../../src/store/metered-store.js';
import type { Settlement, Store } from '../../src/store/store.js';
import { StoreUnavailable } from '../../src/store/store.js';
import { PrometheusMetrics } from '../../src/telemetry/prometheus.js';
import {
  OPERATOR,
  PLANNER,
  Scene,
  entry,
  newTask,
  select,
  taskId,
  tokenRequest,
} from '../contract/store/scene.js';
import { embeddedHarness } from './embedded-harness.js';

const harness = embeddedHarness();
let scene: Scene;
let metrics: PrometheusMetrics;
let store: Store;

beforeEach(async () => {
  scene = await Scene.open(harness);
  metrics = new PrometheusMetrics();
  store = meteredStore(scene.store, metrics);
});
afterEach(() => harness.close());

async function value(series: string): Promise<number> {
  const { text } = await metrics.page();
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1) ?? 0);
}
const values = (...series: string[]): Promise<number[]> => Promise.all(series.map(value));

test('tasks that were opened and closed, and none that were before', async () => {
  for (let times = 0; times < 2; times++) await store.openTask(newTask('run-1'), entry('task.open'));
  await store.openTask(newTask('run-2', { ttlMs: MINUTE_MS }), entry('task.open'));
  const closing = { outcome: 'failed', by: PLANNER } as const;
  for (let times = 0; times < 2; times++)
    await store.closeTask(taskId('run-1'), closing, entry('task.complete'));
  await store.closeTask(taskId('none'), closing, entry('task.complete'));
  scene.clock.advance(2 * MINUTE_MS);
  await store.sweep(100);
  expect(
    await values(
      'mayfly_tasks_opened_total',
      'mayfly_tasks_closed_total{outcome="failed"}',
      'mayfly_tasks_closed_total{outcome="expired"}',
      'mayfly_sweeps_total',
    ),
  ).toEqual([2, 1, 1, 1]);
});

test('events by outcome: of a transition, of a refusal, and of what was recorded by itself', async () => {
  await store.openTask(newTask('run-1'), entry('task.open'));
  expect(await store.issueLease(tokenRequest('none'), entry('token.exchange'))).toBeInstanceOf(Refusal);
  await store.record(entry('request'), { outcome: 'failed' });
  await store.recordInPassing(entry('task.list'), { outcome: 'permitted' });
  expect(
    await values(
      'mayfly_audit_events_total{outcome="permitted"}',
      'mayfly_audit_events_total{outcome="refused"}',
      'mayfly_audit_events_total{outcome="failed"}',
      'mayfly_credentials_issued_total{tool="crm",kind="jwt"}',
    ),
  ).toEqual([2, 1, 1, 0]);
});

test('nothing of what has to be decided again: no credential, and no event', async () => {
  await store.openTask(newTask('run-1'), entry('task.open'));
  const decidedOn = { version: 7, holding: 'data:internal:crm', principal: '{}' } as const;
  const asked = tokenRequest('run-1', { decidedOn });
  expect(await store.issueLease(asked, entry('token.exchange'))).toBeInstanceOf(ContextChanged);
  expect(
    await values(
      'mayfly_audit_events_total{outcome="permitted"}',
      'mayfly_credentials_issued_total{tool="crm",kind="jwt"}',
    ),
  ).toEqual([1, 0]);
});

test.each<Settlement>([
  { kind: 'confirmed' },
  { kind: 'failed', retryAfterMs: 1000, error: 'it did not answer' },
  { kind: 'irrevocable', error: 'it never answered' },
])('a kill at a target that ends $kind is counted once, by whoever had the loan', async (settlement) => {
  await scene.task('run-1');
  const lease = await scene.external('run-1');
  await store.revoke({ select: select('all'), by: OPERATOR }, entry('revocation.create'));
  await store.sweep(100);
  const [claimed] = await store.claimDue(1, MINUTE_MS);
  await store.settle(lease.id, 'another loan', settlement);
  await store.settle(lease.id, claimed!.claim, settlement);
  expect(
    await values(
      `mayfly_settlements_total{outcome="${settlement.kind}"}`,
      'mayfly_kill_duration_seconds_count{selector="all"}',
    ),
  ).toEqual([1, 1]);
});

const timed = (name: string): string =>
  `mayfly_store_operation_duration_seconds_count{operation="denials.${name}"}`;

test('calls about denials are timed by their own names, and answered as the store answers', async () => {
  const until = scene.clock.now() + MINUTE_MS;
  expect(await store.denials.seat({ session: 's1', until }, ['reader'], 1)).toBe('reader');
  await store.denials.add('reader', { session: 's1', mintedBy: 1, until });
  const claim = await store.denials.claim('reader', 1000, 0);
  expect((await store.denials.read(claim!))?.denied).toHaveLength(1);
  await scene.store.close();
  await expect(store.denials.seatOf('s1')).rejects.toThrow(StoreUnavailable);
  expect(
    await values(
      ...['seat', 'add', 'claim', 'read', 'seatOf', 'release'].map(timed),
      'mayfly_store_unavailable_total{operation="denials.seatOf"}',
    ),
  ).toEqual([1, 1, 1, 1, 0, 0, 1]);
});

test('the sweeper is late by the time since something was due', async () => {
  await store.openTask(newTask('run-1', { ttlMs: MINUTE_MS }), entry('task.open'));
  await store.sweep(100);
  expect(await value('mayfly_sweeper_overdue_seconds')).toBe(0);
  scene.clock.advance(3 * MINUTE_MS);
  expect(await value('mayfly_sweeper_overdue_seconds')).toBe(120);
  await store.sweep(100);
  expect(await value('mayfly_sweeper_overdue_seconds')).toBe(0);
});

test('a store that cannot be used is told as it is, and counted', async () => {
  await scene.store.close();
  await expect(store.readTask(taskId('run-1'))).rejects.toThrow(StoreUnavailable);
  expect(
    await values(
      'mayfly_store_unavailable_total{operation="readTask"}',
      'mayfly_store_operation_duration_seconds_count{operation="readTask"}',
    ),
  ).toEqual([1, 0]);
});
