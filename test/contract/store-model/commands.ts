// What may happen to a store, in any order. Each command does it to the store and to the model, and compares the answers.
import { expect } from '@jest/globals';
import * as fc from 'fast-check';
import { SECOND_MS } from '../../../src/domain/duration.js';
import { expiryOf } from '../../../src/domain/lease.js';
import type { Lease } from '../../../src/domain/lease.js';
import { Refusal } from '../../../src/domain/refusal.js';
import type { Selector } from '../../../src/domain/selector.js';
import { NAMED_OUTCOMES } from '../../../src/domain/task.js';
import type { LeaseRequest, Settlement } from '../../../src/store/store.js';
import type { Scene } from '../store/scene.js';
import {
  entry,
  externalRequest,
  granted,
  MINT_DEADLINE_MS,
  newTask,
  OPERATOR,
  PLANNER,
  PLENTY,
  reasonOf,
  select,
  taskId,
  tokenRequest,
} from '../store/scene.js';
import type { Dead } from './agreement.js';
import { expectAgreement } from './agreement.js';
import type { ModelLease, StoreModel } from './model.js';
import { AGENTS, CHILDREN, FIRST_TASKS, KEYS, ROOTS, TOOLS, TRUSTS } from './names.js';

export interface Run {
  readonly scene: Scene;
  readonly dead: Dead;
}

type Act = (model: StoreModel, run: Run) => Promise<void>;

/** A command with its arguments, shown as such when a run fails. */
class Command implements fc.AsyncCommand<StoreModel, Run> {
  readonly #name: string;
  readonly #facts: unknown;
  readonly #act: Act;

  constructor(name: string, facts: unknown, act: Act) {
    this.#name = name;
    this.#facts = facts;
    this.#act = act;
  }

  check(): boolean {
    return true;
  }

  async run(model: StoreModel, run: Run): Promise<void> {
    await this.#act(model, run);
    await expectAgreement(model, run.scene, run.dead);
  }

  toString(): string {
    return `${this.#name} ${JSON.stringify(this.#facts)}`;
  }
}

const command = <T>(
  name: string,
  facts: fc.Arbitrary<T>,
  act: (facts: T, model: StoreModel, run: Run) => Promise<void>,
): fc.Arbitrary<Command> =>
  facts.map((given) => new Command(name, given, (model, run) => act(given, model, run)));

const task = fc
  .tuple(fc.constantFrom(...ROOTS), fc.constantFrom(...CHILDREN))
  .map(([root, child]) => `${root}${child}`);
const taskTtlMs = fc.constantFrom(20_000, 100_000, 300_000, 300_000);
const ttlMs = fc.constantFrom(300, 1_500, 10_000, 60_000, 300_000);
/** One of what there is, whichever the number comes to. */
const which = fc.nat({ max: 999 });
const nth = <T>(some: Iterable<T>, index: number): T | undefined => {
  const all = [...some];
  return all[index % all.length];
};
/** Mostly a task that is there; sometimes one that may not be. */
const request = fc.record({
  task: fc.oneof({ weight: 9, arbitrary: which }, { weight: 1, arbitrary: task }),
  agent: fc.constantFrom(...AGENTS),
  actors: fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.uniqueArray(fc.constantFrom(...AGENTS), { maxLength: 2 }) },
  ),
  tool: fc.constantFrom(...TOOLS),
  trust: fc.constantFrom(...TRUSTS),
  keyId: fc.constantFrom(...KEYS),
  ttlMs,
});
const wide = fc.oneof(
  fc.constantFrom(...AGENTS).map((name) => select('agent', name)),
  fc.constantFrom(...TOOLS).map((name) => select('tool', name)),
  fc.constantFrom(...TRUSTS).map((name) => select('trust', name)),
  fc.constant(select('all')),
);

type Asked = typeof request extends fc.Arbitrary<infer T> ? T : never;
const tokenOf = (model: StoreModel, { task: given, ...terms }: Asked): LeaseRequest =>
  tokenRequest(taskOf(model, given), terms);
const taskOf = (model: StoreModel, given: Asked['task']): string =>
  typeof given === 'string' ? given : nth(model.tasks.keys(), given)!;

/** What was granted has to be what the model would have granted. */
function expectGrant(model: StoreModel, asked: LeaseRequest, result: Lease | Refusal): Lease | undefined {
  const refusal = model.refusalOf(asked);
  expect(reasonOf(result)).toBe(refusal ?? 'not refused');
  if (result instanceof Refusal) return undefined;
  expect(result.issuedAt).toBeGreaterThanOrEqual(model.now);
  expect(result.expiresAt).toBe(
    expiryOf(result.issuedAt, asked.ttlMs, model.tasks.get(asked.taskId)!.deadline),
  );
  return result;
}

async function kill(model: StoreModel, { store }: Scene, selector: Selector): Promise<void> {
  const revocation = await store.revoke({ select: selector, by: OPERATOR }, entry());
  const killed = model.kill(selector, revocation.at);
  expect(await store.countSelected(selector, revocation)).toEqual(killed);
}

const open = command('open', fc.record({ id: task, ttlMs: taskTtlMs }), async (asked, model, { scene }) => {
  const parent = asked.id.includes('.') ? asked.id.slice(0, asked.id.lastIndexOf('.')) : undefined;
  const result = await scene.store.openTask(newTask(asked.id, { ttlMs: asked.ttlMs }), entry());
  const known = model.tasks.get(asked.id);
  if (known) {
    expect(granted(result)).toMatchObject({ created: false, task: { deadline: known.deadline } });
  } else if (parent !== undefined && !model.tasks.has(parent)) {
    expect(reasonOf(result)).toBe('parent_unknown');
  } else if (parent !== undefined && !model.isOpen(parent)) {
    expect(reasonOf(result)).toBe('task_closed');
  } else {
    const { task: opened, created } = granted(result);
    expect(created).toBe(true);
    const bound = parent === undefined ? Infinity : model.tasks.get(parent)!.deadline;
    expect(opened.deadline).toBe(Math.min(opened.openedAt + asked.ttlMs, bound));
    model.tasks.set(asked.id, { id: asked.id, openedAt: opened.openedAt, deadline: opened.deadline });
  }
});

const issue = command('issue', request, async (asked, model, { scene }) => {
  const wanted = tokenOf(model, asked);
  const lease = expectGrant(model, wanted, await scene.store.issueLease(wanted, entry()));
  if (lease) model.add(lease);
});

const reserve = command('reserve', request, async ({ task: given, ...terms }, model, { scene }) => {
  const wanted = externalRequest(taskOf(model, given), terms);
  const lease = expectGrant(model, wanted, await scene.store.reserveLease(wanted, entry()));
  if (lease) model.add(lease, MINT_DEADLINE_MS);
});

const activate = command('activate', which, async (index, model, { scene }) => {
  const minting = [...model.leases.values()].filter(({ external, activated }) => external && !activated);
  const lease = nth(index % 10 === 0 ? model.leases.values() : minting, index);
  if (!lease?.external || lease.settled) return;
  const result = await scene.store.activateLease(lease.id as never, { sealedSecret: 'sealed' }, entry());
  const reserved = model.standing(lease) === 'reserved';
  if (reserved && model.now < lease.mintDeadline!) {
    granted(result);
    lease.activated = true;
    delete lease.mintDeadline;
    return;
  }
  expect(reasonOf(result)).toBe('lease_ended');
  if (lease.activated && model.isAlive(lease)) return;
  if (reserved) lease.ended = { at: model.now, cause: 'mint_unknown' };
  if (!lease.activated) {
    // The mint is over, and what it made has to be killed from now on.
    delete lease.mintDeadline;
    delete lease.claim;
    lease.dueAt = model.now;
  }
});

const abandon = command('abandon', which, async (index, model, { scene }) => {
  const lease = nth(
    [...model.leases.values()].filter(({ external }) => external),
    index,
  );
  if (!lease) return;
  await scene.store.abandonLease(lease.id as never, 'mint_failed', entry());
  if (model.standing(lease) === 'reserved') lease.ended = { at: model.now, cause: 'mint_failed' };
});

const renew = command(
  'renew',
  fc.record({ which, ttlMs, keyId: fc.option(fc.constantFrom(...KEYS), { nil: undefined }) }),
  async ({ which: index, ttlMs: asked, keyId }, model, { scene }) => {
    const lease = nth(model.leases.values(), index);
    if (!lease || model.mayBePurged(lease)) return;
    const renewal = { agent: lease.agent as never, ttlMs: asked, policyDigest: 'p', ...(keyId && { keyId }) };
    const result = await scene.store.renewLease(lease.id as never, renewal, entry());
    if (model.standing(lease) !== 'active') return expect(reasonOf(result)).toBe('lease_ended');
    const key = keyId ?? lease.keyId;
    const refusal = model.refusalOf({ ...(lease as never as LeaseRequest), ttlMs: 60_000, keyId: key! });
    if (refusal !== undefined && refusal !== 'task_ending') return expect(reasonOf(result)).toBe(refusal);
    const renewed = granted(result);
    const bound = expiryOf(model.now, asked, model.tasks.get(lease.taskId)!.deadline) ?? 0;
    expect(renewed.expiresAt).toBe(Math.max(lease.expiresAt, bound));
    model.leases.set(lease.id, { ...lease, expiresAt: renewed.expiresAt, keyId: key });
  },
);

const release = command('release', which, async (index, model, { scene }) => {
  const lease = nth(model.leases.values(), index);
  if (!lease || model.mayBePurged(lease)) return;
  const alive = model.isAlive(lease);
  const revocation = await scene.store.revoke({ select: select('lease', lease.id), by: OPERATOR }, entry());
  if (alive) model.kill(select('lease', lease.id), revocation.at);
  else expect(revocation.at).toBe(model.endOf(lease)!.at);
});

const close = command(
  'close',
  fc.record({
    task: request.map(({ task: given }) => given),
    outcome: fc.constantFrom(...NAMED_OUTCOMES, 'revoked' as const),
  }),
  async ({ task: given, outcome }, model, { scene }) => {
    const id = taskOf(model, given);
    const known = model.tasks.get(id);
    const { closed: before } = known ?? {};
    if (outcome === 'revoked') {
      if (!known) return; // it would never be opened again, and the run would be a short one
      const revocation = await scene.store.revoke({ select: select('task', id), by: OPERATOR }, entry());
      const { at } = (await scene.store.readTask(taskId(id)))!.closed!;
      expect(revocation.at).toBe(at);
      const killed = before ? undefined : model.close(id, Math.max(at, model.now), outcome);
      if (killed) expect(await scene.store.countSelected(select('task', id), revocation)).toEqual(killed);
      return;
    }
    const result = await scene.store.closeTask(taskId(id), { outcome, by: PLANNER }, entry());
    if (!known) return expect(reasonOf(result)).toBe('task_unknown');
    const { closed } = granted(result);
    if (before) expect(closed).toMatchObject(before);
    else model.close(id, Math.max(closed!.at, model.now), outcome);
  },
);

const extend = command('extend', fc.record({ id: task, ttlMs }), async (asked, model, { scene }) => {
  const known = model.tasks.get(asked.id);
  const bounds = { deadline: model.now + asked.ttlMs, maxTtlMs: 500_000 };
  const result = await scene.store.extendTask(taskId(asked.id), bounds, entry());
  if (!known) return expect(reasonOf(result)).toBe('task_unknown');
  if (!model.isOpen(asked.id)) return expect(reasonOf(result)).toBe('task_closed');
  if (bounds.deadline > known.openedAt + bounds.maxTtlMs)
    return expect(reasonOf(result)).toBe('task_ttl_exceeded');
  const parent = asked.id.includes('.')
    ? model.tasks.get(asked.id.slice(0, asked.id.lastIndexOf('.')))
    : undefined;
  const deadline = Math.min(bounds.deadline, parent?.deadline ?? Infinity);
  if (deadline <= known.deadline) return expect(reasonOf(result)).toBe('deadline_not_later');
  known.deadline = granted(result).deadline;
  expect(known.deadline).toBe(deadline);
});

const revoke = command('revoke', wide, (selector, model, { scene }) => kill(model, scene, selector));

const revokeKey = command('revoke key', fc.constantFrom(...KEYS), async (kid, model, { scene }) => {
  if (model.revokedKeys.size > 0) return; // something has to sign
  await kill(model, scene, select('key', kid));
  model.revokedKeys.add(kid);
});

const quarantine = command('quarantine', fc.constantFrom(...AGENTS), async (agent, model, { scene }) => {
  const selector = select('agent', agent);
  const { at } = await scene.store.revoke({ select: selector, by: OPERATOR, quarantine: true }, entry());
  model.kill(selector, at);
  model.quarantined.add(agent);
});

const lift = command(
  'lift',
  fc.record({ which, other: fc.constantFrom(...AGENTS) }),
  async (facts, model, { scene }) => {
    const agent = nth(model.quarantined, facts.which) ?? facts.other;
    const result = await scene.store.liftQuarantine(agent, entry());
    expect(reasonOf(result)).toBe(model.quarantined.delete(agent) ? 'not refused' : 'quarantine_unknown');
  },
);

/** Leases asked for while their task is being closed, or their agent killed: each falls on one side of it. */
const race = command(
  'race',
  fc.record({ asked: request, wide: fc.boolean() }),
  async (facts, model, { scene }) => {
    const asked = tokenOf(model, facts.asked);
    const refusal = model.refusalOf(asked);
    const ask = (): Promise<Lease | Refusal> => scene.store.issueLease(asked, entry());
    const selector = facts.wide ? select('agent', asked.agent) : select('task', asked.taskId);
    if (!facts.wide && !model.isOpen(asked.taskId)) return;
    const [first, revocation, second] = await Promise.all([
      Promise.all([ask(), ask(), ask()]),
      scene.store.revoke({ select: selector, by: OPERATOR }, entry()),
      Promise.all([ask(), ask(), ask()]),
    ]);
    for (const result of [...first, ...second]) {
      if (result instanceof Refusal) expect([refusal, 'task_closed', 'task_ending']).toContain(result.reason);
      else model.add(result);
    }
    const later = [...model.leases.values()].filter(({ issuedAt }) => issuedAt > revocation.cutoff);
    if (facts.wide) model.kill(selector, revocation.at);
    else model.close(asked.taskId, revocation.at, 'revoked');
    for (const lease of later) if (lease.ended?.at === revocation.at) delete lease.ended;
  },
);

const sweep = command('sweep', fc.constantFrom(1, 3, PLENTY), async (limit, model, { scene }) => {
  for (let changed = 1; changed > 0;) ({ changed } = await scene.store.sweep(limit));
  model.sweep();
});

const claimDue = command('claim', fc.constantFrom(1_000, 20_000), async (windowMs, model, { scene }) => {
  await scene.sweep();
  model.sweep();
  const claimed = await scene.store.claimDue(PLENTY, windowMs);
  const due = model.due();
  expect(claimed.map(({ lease }) => lease.id as string).toSorted()).toEqual(
    due.map(({ id }) => id).toSorted(),
  );
  for (const { lease, claim } of claimed) {
    const lent = model.leases.get(lease.id)!;
    lent.claim = claim;
    lent.dueAt = model.now + windowMs;
  }
});

const settle = command(
  'settle',
  fc.record({
    which,
    kind: fc.constantFrom<Settlement['kind']>('confirmed', 'confirmed', 'confirmed', 'failed', 'irrevocable'),
  }),
  async ({ which: index, kind }, model, { scene }) => {
    const lent = nth(
      [...model.leases.values()].filter(({ claim }) => claim !== undefined),
      index,
    );
    if (!lent) return;
    const error = 'the target said no';
    const settlement: Settlement =
      kind === 'confirmed'
        ? { kind }
        : kind === 'failed'
          ? { kind, error, retryAfterMs: 5_000 }
          : { kind, error };
    expect(await scene.store.settle(lent.id as never, lent.claim!, settlement)).toBe(true);
    settleModel(model, lent, settlement);
  },
);

function settleModel(model: StoreModel, lease: ModelLease, settlement: Settlement): void {
  if (settlement.kind === 'confirmed') return model.confirm(lease);
  delete lease.claim;
  if (settlement.kind === 'failed') lease.dueAt = model.now + settlement.retryAfterMs;
  else lease.settled = { state: 'irrevocable', at: model.now };
}

const forged = command('settle with a claim of nobody', which, async (index, model, { scene }) => {
  const lease = nth(model.leases.values(), index);
  if (lease) expect(await scene.store.settle(lease.id as never, 'nobody', { kind: 'confirmed' })).toBe(false);
});

const advance = command(
  'advance',
  fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(1, 400, SECOND_MS, 7_000, 20_000) },
    { weight: 2, arbitrary: fc.constant(120_000) },
    { weight: 1, arbitrary: fc.constant(7_200_000) },
  ),
  (ms, _, { scene }) => Promise.resolve(scene.clock.advance(ms)),
);

const setBack = command('set the clock back', fc.constantFrom(1, 3_000, 20_000), (ms, _, { scene }) =>
  Promise.resolve(scene.clock.advance(-ms)),
);

const restore = command('restore what is known', fc.constant(null), async (_, __, { scene }) => {
  await scene.store.restoreRevocations((await scene.store.revocations()).entries);
});

/** With some transitions under way, of which nobody was told that they are done: each may have happened or not. */
const crash = command(
  'crash',
  fc.record({ asked: request, pending: fc.nat({ max: 3 }) }),
  async (facts, model, run) => {
    const { scene, dead } = run;
    const behindMs = model.now - scene.clock.now();
    if (behindMs > 59_000) scene.clock.advance(behindMs); // it would not start, and rightly
    const asked = tokenOf(model, facts.asked);
    const unheard = Array.from({ length: facts.pending }, () =>
      scene.store.issueLease(asked, entry()).catch(() => undefined),
    );
    await scene.crash();
    await Promise.all(unheard);
    // What was only ever looked at may be forgotten, so time may come back to what no transition has seen.
    model.now = Math.max(scene.clock.now(), ...[...model.leases.values()].map(({ issuedAt }) => issuedAt));
    dead.lapsed.clear();
    for (const lease of await scene.store.listLeases({ limit: PLENTY })) {
      if (!model.leases.has(lease.id) && facts.pending > 0) model.add(lease);
    }
  },
);

/** How often each comes, as against the others. */
const WEIGHTS: readonly [number, fc.Arbitrary<Command>][] = [
  [4, open],
  [8, issue],
  [5, reserve],
  [5, activate],
  [1, abandon],
  [2, renew],
  [2, release],
  [2, close],
  [1, extend],
  [2, revoke],
  [1, revokeKey],
  [1, quarantine],
  [2, lift],
  [2, race],
  [2, sweep],
  [3, claimDue],
  [5, settle],
  [1, forged],
  [5, advance],
  [1, setBack],
  [1, restore],
  [2, crash],
];

export const commands = fc.commands(
  WEIGHTS.flatMap(([weight, one]) => Array.from({ length: weight }, () => one)),
  { maxCommands: 80, size: 'max' },
);

/** What every run begins with, so that its commands find something to be about. */
export async function openFirstTasks(model: StoreModel, { store }: Scene): Promise<void> {
  for (const id of FIRST_TASKS) {
    const { task: opened } = granted(await store.openTask(newTask(id), entry()));
    model.tasks.set(id, { id, openedAt: opened.openedAt, deadline: opened.deadline });
  }
}
