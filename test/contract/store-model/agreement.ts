// Whether a store and the model tell the same, asked in every way the port offers; and what must hold whatever the model says.
import { expect } from '@jest/globals';
import type { Lease, LeaseState } from '../../../src/domain/lease.js';
import { LEASE_STATES } from '../../../src/domain/lease.js';
import type { Selector } from '../../../src/domain/selector.js';
import type { StatusBits } from '../../../src/domain/status-list.js';
import type { Scene } from '../store/scene.js';
import { PLENTY, select, taskId } from '../store/scene.js';
import type { StoreModel } from './model.js';
import { inTree } from './model.js';
import { AGENTS, KEYS, ROOTS, TOOLS, TRUSTS } from './names.js';

/** Leases that somebody was told are dead, by a kill or by their time. */
export class Dead {
  readonly killed = new Set<string>();
  readonly lapsed = new Set<string>();
  /** Whose each entry of a status list is, and what each list told at the last time. */
  readonly entries = new Map<string, string>();
  readonly listed = new Map<string, StatusBits>();
}

const PREVIEWS: readonly Selector[] = [
  ...AGENTS.map((name) => select('agent', name)),
  ...TOOLS.map((name) => select('tool', name)),
  ...TRUSTS.map((name) => select('trust', name)),
  ...KEYS.map((name) => select('key', name)),
  select('all'),
];

export async function expectAgreement(model: StoreModel, scene: Scene, dead: Dead): Promise<void> {
  const now = await scene.store.now();
  expect(now).toBeGreaterThanOrEqual(Math.max(model.now, scene.clock.now()));
  model.now = now;
  const leases = new Map(
    (await scene.store.listLeases({ limit: PLENTY })).map((lease) => [lease.id as string, lease]),
  );
  expectLeases(model, leases, dead);
  await expectStatusLists(scene, leases, dead);
  await expectTasks(model, scene);
  await expectCounts(model, scene);
  await expectContexts(model, scene);
  expect((await scene.store.quarantines()).map(({ agent }) => agent).toSorted()).toEqual(
    [...model.quarantined].toSorted(),
  );
}

function expectLeases(model: StoreModel, leases: ReadonlyMap<string, Lease>, dead: Dead): void {
  const told: Record<string, unknown> = {};
  const expected: Record<string, unknown> = {};
  for (const lease of model.leases.values()) {
    const found = leases.get(lease.id);
    if (!found && model.mayBePurged(lease)) continue;
    told[lease.id] = found && {
      state: found.state,
      expiresAt: found.expiresAt,
      cause: found.ended?.cause,
      at: found.ended?.at,
    };
    const end = model.endOf(lease);
    expected[lease.id] = {
      state: model.standing(lease),
      expiresAt: lease.expiresAt,
      cause: end?.cause,
      at: end?.at,
    };
  }
  expect(told).toEqual(expected);
  expect([...leases.keys()].filter((id) => !model.leases.has(id))).toEqual([]);

  const closed = [...model.tasks.values()].filter((task) => task.closed).map(({ id }) => id);
  const wrong: string[] = [];
  for (const { id, state, expiresAt, ended, taskId: task } of leases.values()) {
    const alive = state === 'active' || state === 'reserved';
    if (!alive) (ended?.cause === 'ttl' ? dead.lapsed : dead.killed).add(id);
    if (expiresAt > model.tasks.get(task)!.deadline)
      wrong.push(`${id} outlives its task (invariants 1 and 4)`);
    if (alive && (dead.killed.has(id) || dead.lapsed.has(id))) wrong.push(`${id} was revived`);
    if (alive && closed.some((root) => inTree(root, task)))
      wrong.push(`${id} survived a close (invariant 1)`);
  }
  expect(wrong).toEqual([]);
}

/** An entry is one lease's for ever, and alive as long as that; what is read on is what is read anew. */
async function expectStatusLists(
  { store }: Scene,
  leases: ReadonlyMap<string, Lease>,
  { entries, listed }: Dead,
): Promise<void> {
  const expected: string[] = [];
  for (const { id, state, status } of leases.values()) {
    if (!status) continue;
    const name = `${status.list}/${status.index}`;
    expect([name, entries.get(name) ?? id]).toEqual([name, id]);
    entries.set(name, id);
    if (state === 'active') expected.push(name);
  }
  const told: string[] = [];
  for (const list of await store.statusLists()) {
    const bits = (await store.statusList(list))!;
    expect(await store.statusList(list, listed.get(list))).toEqual(bits);
    listed.set(list, bits);
    told.push(...bits.live.map((index) => `${list}/${index}`));
  }
  expect(told.toSorted()).toEqual(expected.toSorted());
}

const byId = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : 1);

async function expectTasks(model: StoreModel, scene: Scene): Promise<void> {
  const told = (await scene.store.listTasks({ limit: PLENTY })).map(({ id, state, deadline, closed }) => ({
    id,
    state,
    deadline,
    closed: closed && { at: closed.at, outcome: closed.outcome },
  }));
  const expected = [...model.tasks.values()].map((task) => ({
    id: task.id,
    state: task.closed ? (model.isSettled(task) ? 'settled' : 'closed') : 'open',
    deadline: task.deadline,
    closed: task.closed,
  }));
  expect(told.toSorted(byId)).toEqual(expected.toSorted(byId));
}

async function expectCounts(model: StoreModel, scene: Scene): Promise<void> {
  const told: unknown[] = [];
  const expected: unknown[] = [];
  const roots = [...model.tasks.keys()].map((id) => select('task', id));
  for (const selector of [...PREVIEWS, ...roots]) {
    const alive = model.alive(selector);
    const external = alive.filter((lease) => lease.external).length;
    told.push({ selector, ...(await scene.store.countSelected(selector)) });
    expected.push({ selector, tokens: alive.length - external, external });
  }
  for (const id of model.tasks.keys()) {
    const counts = Object.fromEntries(LEASE_STATES.map((state) => [state, 0])) as Record<LeaseState, number>;
    for (const lease of model.leases.values()) if (lease.taskId === id) counts[model.standing(lease)]++;
    told.push({ id, ...(await scene.store.countLeases(taskId(id))) });
    expected.push({ id, ...counts });
  }
  expect(told).toEqual(expected);
}

async function expectContexts(model: StoreModel, scene: Scene): Promise<void> {
  for (const root of ROOTS)
    expect(await scene.store.readContext(taskId(root))).toEqual(model.contextOf(root));
  const told = (await scene.store.dueReviews(PLENTY, 0)).map(({ root, version }) => `${root} ${version}`);
  const due = [...model.dueReviews].filter((root) => !model.tasks.get(root)!.closed);
  const expected = due.map((root) => `${root} ${model.contextOf(root).version}`);
  expect(told.toSorted()).toEqual(expected.toSorted());
}

/** Every target confirms, and time passes: in the end nothing may be left over (invariants 1 and 2). */
export async function expectAllSettled(model: StoreModel, scene: Scene): Promise<void> {
  const deadlines = [...model.tasks.values()].map(({ deadline }) => deadline);
  scene.clock.advance(Math.max(0, ...deadlines, model.now) + 3_600_000 - scene.clock.now());
  for (let round = 0; round < 3; round++) {
    await scene.sweep();
    for (const claimed of await scene.store.claimDue(PLENTY, 1)) await scene.settle(claimed);
    scene.clock.advance(1);
  }
  for (const lease of await scene.store.listLeases({ limit: PLENTY })) {
    expect([lease.id, lease.state]).toEqual([
      lease.id,
      expect.stringMatching(/^(revoked|expired|irrevocable)$/),
    ]);
  }
  for (const { id } of model.tasks.values()) expect([id, await scene.taskState(id)]).toEqual([id, 'settled']);
}
