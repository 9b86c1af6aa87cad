// Reconciliation: what has no live lease dies, what has one never does, and what differs is told once.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { AuditEntry } from '../../src/audit/entry.js';
import { MINUTE_MS, SECOND_MS } from '../../src/domain/duration.js';
import type { LeaseId } from '../../src/domain/ids.js';
import { chance, leaseId, requestId } from '../../src/domain/ids.js';
import type { ActiveLease } from '../../src/domain/lease.js';
import { Refusal } from '../../src/domain/refusal.js';
import type { Tool } from '../../src/domain/tool.js';
import { Catalogue } from '../../src/domain/tool.js';
import type { ExternalMinter, Tidied } from '../../src/minters/minter.js';
import type { Targets } from '../../src/minters/targets.js';
import type { Reconciled, ReconcilerOptions } from '../../src/revocation/reconcile/reconciler.js';
import { Reconciler } from '../../src/revocation/reconcile/reconciler.js';
import { PrometheusMetrics } from '../../src/telemetry/prometheus.js';
import { entry, select, Scene } from '../contract/store/scene.js';
import { embeddedHarness } from '../store/embedded-harness.js';
import { ExternalTarget, TARGET_KIND } from '../fixtures/external-target.js';
import { lanes } from '../fixtures/lanes.js';
import { until } from '../fixtures/until.js';

const harness = embeddedHarness();
let scene: Scene;
let target: ExternalTarget;
let minter: ExternalMinter;
let targets: Targets;
let metrics: PrometheusMetrics;
let logged: string[];
let reconciler: Reconciler;

const toolOf = (name: string): Tool => ({ name, credential: { kind: TARGET_KIND } }) as unknown as Tool;

function reconcilerOn(tools: readonly string[], more: Partial<ReconcilerOptions> = {}): Reconciler {
  metrics = new PrometheusMetrics();
  targets = lanes(scene.clock);
  return new Reconciler({
    store: scene.store,
    minters: new Map([[TARGET_KIND, minter]]),
    targets,
    catalogue: () => new Catalogue(tools.map(toolOf)),
    clock: scene.clock,
    log: {
      warn: (_facts, message) => void logged.push(message),
      error: (_facts, message) => void logged.push(message),
    },
    metrics,
    everyMs: 10 * MINUTE_MS,
    random: () => 0.5,
    ...more,
  });
}

beforeEach(async () => {
  scene = await Scene.open(harness);
  await scene.task('run');
  target = new ExternalTarget();
  minter = target;
  logged = [];
  reconciler = reconcilerOn(['ledger']);
});
afterEach(async () => {
  await reconciler.stop();
  await harness.close();
});

const asked = (): AuditEntry => new AuditEntry(requestId(), 'target.reconcile');
async function reconcile(tool?: string): Promise<readonly Reconciled[]> {
  const came = await reconciler.run(tool, asked());
  if (came instanceof Refusal) throw new Error(came.detail);
  return came;
}
const counts = (more: Partial<Reconciled> = {}): Reconciled => ({
  tool: 'ledger',
  listed: 0,
  orphans: 0,
  killed: 0,
  failed: 0,
  missing: 0,
  undone: 0,
  ...more,
});

/** Where the target could not tell, or cannot. */
const untold = (more: Partial<Reconciled> = {}): Reconciled => {
  const { listed: _untold, ...rest } = counts(more);
  return rest;
};

/** With its account at the target. */
async function account(task = 'run', tool = 'ledger'): Promise<ActiveLease> {
  const lease = await scene.external(task, { kind: TARGET_KIND, tool });
  await target.mint(lease);
  return lease;
}
/** Of a lease that no store knows: of one that was lost, or made by hand. */
function stray(): LeaseId {
  const id = leaseId(scene.clock.now(), 0, chance());
  target.accounts.add(id);
  return id;
}
const events = (id: string) => scene.store.auditEvents({ lease: id, limit: 9 });
const counted = async (name: string): Promise<string[]> =>
  (await metrics.page()).text.split('\n').filter((line) => line.startsWith(`mayfly_${name}{`));

const noAnswer = (): never => {
  throw new Error('the store does not answer');
};

describe('a credential without a live lease', () => {
  test('is killed where no lease was ever on record, and that is on record', async () => {
    const live = await account();
    const id = stray();
    expect(await reconcile()).toEqual([counts({ listed: 2, orphans: 1, killed: 1 })]);
    expect([...target.accounts]).toEqual([live.id]);
    expect(await events(id)).toMatchObject([
      { action: 'credential.orphan', outcome: 'permitted', tool: 'ledger', detail: { lease: 'unknown' } },
    ]);
    expect(await reconcile()).toEqual([counts({ listed: 1 })]);
  });

  test('is killed where its lease is revoked, or expired, and confirmed', async () => {
    const [revoked, expired] = [await account(), await account()];
    await scene.revoke(select('lease', revoked.id));
    await scene.settleAll();
    scene.clock.advance(MINUTE_MS * 6);
    await scene.settleAll();
    expect([await scene.standing(revoked.id), await scene.standing(expired.id)]).toEqual([
      'revoked',
      'expired',
    ]);
    expect(await reconcile()).toEqual([counts({ listed: 2, orphans: 2, killed: 2 })]);
    expect(target.accounts.size).toBe(0);
    const [event] = await events(revoked.id);
    expect(event).toMatchObject({ action: 'credential.orphan', taskId: 'run', detail: { lease: 'revoked' } });
  });

  test('is killed where the store came back without its lease, and not where it came back with it', async () => {
    const kept = await account();
    const before = scene.store;
    scene.store = { ...before, readLease: async (id) => (id === kept.id ? before.readLease(id) : undefined) };
    reconciler = reconcilerOn(['ledger']);
    await account();
    expect(await reconcile()).toEqual([counts({ listed: 2, orphans: 1, killed: 1 })]);
    expect([...target.accounts]).toEqual([kept.id]);
  });

  test('however many there are, a few are killed at a time, and one that fails keeps no other', async () => {
    const stubborn = stray();
    for (let n = 0; n < 30; n++) stray();
    let [now, most] = [0, 0];
    target.beforeKill = async ({ id }) => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setImmediate(resolve));
      now--;
      if (id === stubborn) throw new Error('it owns something');
    };
    expect(await reconcile()).toEqual([counts({ listed: 31, orphans: 31, killed: 30, failed: 1 })]);
    expect([...target.accounts]).toEqual([stubborn]);
    expect(most).toBeLessThanOrEqual(4);
  });

  test('that cannot be killed is told once, and once more when it is dead', async () => {
    const id = stray();
    target.beforeKill = () => Promise.reject(new Error('it owns something'));
    await reconcile();
    await reconcile();
    expect((await events(id)).map(({ outcome, detail }) => [outcome, detail['error']])).toEqual([
      ['failed', 'it owns something'],
    ]);
    expect(await counted('drift_total')).toEqual(['mayfly_drift_total{tool="ledger",kind="orphan"} 1']);
    expect(await counted('drift_left')).toContain('mayfly_drift_left{tool="ledger",kind="orphan"} 1');
    target.beforeKill = () => Promise.resolve();
    await reconcile();
    expect((await events(id)).map(({ outcome }) => outcome)).toEqual(['permitted', 'failed']);
    expect(await counted('drift_left')).toContain('mayfly_drift_left{tool="ledger",kind="orphan"} 0');
  });

  test('is not told to be dead where its target has only taken the order, and is left to the next time', async () => {
    const id = stray();
    target.inForceAfterMs = 1000;
    target.beforeKill = () => Promise.resolve(void setImmediate(() => target.accounts.add(id)));
    expect(await reconcile()).toEqual([counts({ listed: 1, orphans: 1 })]);
    expect(await events(id)).toEqual([]);
    expect(await counted('drift_left')).toContain('mayfly_drift_left{tool="ledger",kind="orphan"} 1');
  });

  test('is left for later where its target is asked nothing now', async () => {
    for (let n = 0; n < 5; n++) {
      const place = await targets.placeForKill('ledger');
      if ('work' in place)
        await place.work(`${n}`, 1000, () => Promise.reject(new Error('down'))).catch(() => {});
    }
    stray();
    expect(await reconcile()).toEqual([counts({ listed: 1, orphans: 1, failed: 1 })]);
    expect(target.attempts).toEqual([]);
  });
});

describe('a credential with a live lease is never touched', () => {
  test('while it is reserved, active, being revoked, or irrevocable', async () => {
    const reserved = await scene.reserve('run', { kind: TARGET_KIND });
    await target.mint(reserved);
    const active = await account();
    const revoking = await account();
    const givenUp = await account();
    await scene.revoke(select('lease', givenUp.id));
    const [claimed] = await scene.due();
    await scene.settle(claimed!, { kind: 'irrevocable', error: 'it is gone' });
    await scene.revoke(select('lease', revoking.id));
    expect(await scene.standing(givenUp.id)).toBe('irrevocable');
    expect(await scene.standing(revoking.id)).toBe('revoking');
    expect(await reconcile()).toEqual([counts({ listed: 4 })]);
    expect([...target.accounts]).toEqual([reserved.id, active.id, revoking.id, givenUp.id]);
    expect(target.attempts).toEqual([]);
  });

  test('nor where it is reserved and minted while the target is being listed', async () => {
    stray();
    let lists = 0;
    const { list } = target;
    // The listing that is under way shows it, as a target may that has no snapshots.
    minter = Object.assign(Object.create(target) as ExternalTarget, {
      async *list(this: ExternalTarget, tool: string) {
        if (++lists <= 2) await account();
        yield* list.call(target, tool);
      },
    });
    reconciler = reconcilerOn(['ledger']);
    expect(await reconcile()).toEqual([counts({ listed: 2, orphans: 1, killed: 1 })]);
    expect(lists).toBe(2);
    expect(target.accounts.size).toBe(2);
  });

  test('nor counted, where the sweeper kills and settles it between the listing and the look at its lease', async () => {
    const lease = await account();
    let first = true;
    target.duringList = async () => {
      if (!first) return;
      first = false;
      await scene.revoke(select('lease', lease.id));
      for (const claimed of await scene.due()) {
        await target.revoke(claimed.lease);
        await scene.settle(claimed);
      }
    };
    expect(await reconcile()).toEqual([counts({ listed: 1 })]);
    expect(target.attempts).toEqual([lease.id]);
    expect(await counted('drift_total')).toEqual([]);
  });

  test.each(['readLease', 'activeAtTarget', 'asOf'] as const)(
    'where the store cannot be read, or is replaced (%s), nothing is killed, and that is said',
    async (call) => {
      const [live] = [await account(), stray()];
      reconciler = reconcilerOn(['ledger'], { store: { ...scene.store, [call]: noAnswer } });
      expect(await reconcile()).toEqual([untold({ error: 'the store does not answer' })]);
      expect(target.accounts.size).toBe(2);
      expect(target.accounts).toContain(live.id);
      expect(logged).toEqual(['a target could not be compared with the store, or put right']);
    },
  );
});

describe('an active lease without a credential', () => {
  test('is missing, is told once, and stays as it is', async () => {
    const lease = await account();
    target.accounts.delete(lease.id);
    expect(await reconcile()).toEqual([counts({ missing: 1 })]);
    expect(await reconcile()).toEqual([counts({ missing: 1 })]);
    expect(await scene.standing(lease.id)).toBe('active');
    expect(await counted('drift_total')).toEqual(['mayfly_drift_total{tool="ledger",kind="missing"} 1']);
    expect(await counted('drift_left')).toContain('mayfly_drift_left{tool="ledger",kind="missing"} 1');
    await scene.revoke(select('lease', lease.id));
    expect(await reconcile()).toEqual([counts()]);
  });

  test('is not missing where it is reserved, of another tool, or of another kind', async () => {
    await scene.reserve('run', { kind: TARGET_KIND });
    await scene.external('run', { kind: TARGET_KIND, tool: 'archive' });
    await scene.external('run', { kind: 'postgres' });
    expect(await reconcile()).toEqual([counts()]);
  });

  test('is not missing where it is activated, or killed, while the target is being listed', async () => {
    const reserved = await scene.reserve('run', { kind: TARGET_KIND });
    const killed = await account();
    target.duringList = async () => {
      await scene.revoke(select('lease', killed.id));
      await target.revoke(killed);
      await target.mint(reserved);
      await scene.activate(reserved.id);
    };
    target.accounts.delete(killed.id);
    expect(await reconcile()).toEqual([counts()]);
  });
});

describe('a target that does not answer', () => {
  test('is told with its error, and the others are compared all the same', async () => {
    const id = stray();
    target.duringList = (tool) =>
      tool === 'ledger' ? Promise.reject(new Error('connection refused')) : Promise.resolve();
    reconciler = reconcilerOn(['ledger', 'archive']);
    expect(await reconcile()).toEqual([
      untold({ error: 'connection refused' }),
      counts({ tool: 'archive', listed: 1, orphans: 1, killed: 1 }),
    ]);
    expect(target.accounts).not.toContain(id);
  });

  test('makes the age of its last comparison grow', async () => {
    await reconcile();
    scene.clock.advance(MINUTE_MS);
    target.duringList = () => Promise.reject(new Error('connection refused'));
    await reconcile();
    const [age] = await counted('reconciliation_age_seconds');
    expect(age).toBe('mayfly_reconciliation_age_seconds{tool="ledger"} 60');
  });
});

describe('a run', () => {
  test('is for one tool, for all that can be listed, or refused where there is no such tool', async () => {
    reconciler = reconcilerOn(['ledger', 'archive']);
    expect((await reconcile('archive')).map(({ tool }) => tool)).toEqual(['archive']);
    expect((await reconcile()).map(({ tool }) => tool)).toEqual(['ledger', 'archive']);
    expect(await reconciler.run('none', asked())).toMatchObject({ reason: 'target_unknown' });
    reconciler = reconcilerOn(['ledger'], { minters: new Map() });
    expect(await reconcile('ledger')).toEqual([]);
  });

  test('is for tools that left the catalogue, too, where their targets are known still', async () => {
    minter = Object.assign(Object.create(target) as ExternalTarget, { formerTools: () => ['old', 'ledger'] });
    stray();
    reconciler = reconcilerOn(['ledger']);
    expect((await reconcile()).map(({ tool }) => tool)).toEqual(['ledger', 'old']);
    reconciler = reconcilerOn([]);
    expect((await reconcile('old')).map(({ tool }) => tool)).toEqual(['old']);
  });

  test('puts right what a target holds beside credentials, also where that cannot be listed', async () => {
    const tidied: string[] = [];
    const tidy = (tool: string): Promise<Tidied> => {
      tidied.push(tool);
      return tool === 'archive'
        ? Promise.reject(new Error('access denied'))
        : Promise.resolve({ undone: 0, failures: [] });
    };
    minter = Object.assign(Object.create(target) as ExternalTarget, { listable: false, tidy });
    stray();
    reconciler = reconcilerOn(['ledger', 'archive']);
    expect(await reconcile()).toEqual([untold(), untold({ tool: 'archive', error: 'access denied' })]);
    expect(tidied).toEqual(['ledger', 'archive']);
  });

  test('tells of kills that somebody had taken back there, as drift, also where not all could be put right', async () => {
    const came = [
      { undone: 2, failures: [new Error('access denied')] },
      { undone: 0, failures: [] },
    ];
    const tidy = (): Promise<Tidied> => Promise.resolve(came.shift()!);
    minter = Object.assign(Object.create(target) as ExternalTarget, { listable: false, tidy });
    reconciler = reconcilerOn(['ledger']);
    reconciler.look();
    const told = await until('it is on record', async () =>
      (await scene.store.auditEvents({ limit: 9 })).find(({ action }) => action === 'target.reconcile'),
    );
    expect(told).toMatchObject({ detail: { undone: 2, orphans: 0 } });
    expect(await counted('drift_total')).toEqual(['mayfly_drift_total{tool="ledger",kind="undone"} 2']);
    expect(await reconcile()).toEqual([untold()]);
    expect(await counted('drift_total')).toEqual(['mayfly_drift_total{tool="ledger",kind="undone"} 2']);
  });

  test('that comes while another is under way is answered by that one', async () => {
    let lists = 0;
    let go: (() => void) | undefined;
    const gate = new Promise<void>((resolve) => (go = resolve));
    target.duringList = () => (lists++, gate);
    const both = Promise.all([reconcile(), reconcile()]);
    await until('the target is listed', () => lists > 0, { everyMs: 1 });
    go!();
    const [one, other] = await both;
    expect([other, lists]).toEqual([one, 1]);
  });

  test('comes by itself: at once, then at its distance, with an event where something differed', async () => {
    let lists = 0;
    target.duringList = () => Promise.resolve(void lists++);
    const id = stray();
    reconciler.look();
    await until('the orphan is dead', async () => (await events(id)).length > 0, { everyMs: 1 });
    const request = (await events(id))[0]!.requestId;
    await until('the run is on record', async () => {
      const told = await scene.store.auditEvents({ request, limit: 9 });
      return told.some(({ action, detail }) => action === 'target.reconcile' && detail['killed'] === 1);
    });
    await reconciler.stop();
    const after = lists;
    reconciler = reconcilerOn(['ledger']);
    reconciler.look();
    await until('it was listed', () => lists > after, { everyMs: 1 });
    scene.clock.advance(10 * MINUTE_MS - SECOND_MS);
    reconciler.look();
    expect(lists).toBe(after + 1);
    scene.clock.advance(SECOND_MS);
    reconciler.look();
    await until('it was listed again', () => lists === after + 2, { everyMs: 1 });
  });

  test('never comes by itself where it is switched off, or after the end', async () => {
    let lists = 0;
    target.duringList = () => Promise.resolve(void lists++);
    reconciler = reconcilerOn(['ledger'], { everyMs: 0 });
    scene.clock.advance(60 * MINUTE_MS);
    reconciler.look();
    const ended = reconcilerOn(['ledger']);
    await ended.stop();
    ended.look();
    // Both would have begun by now, as this one has.
    await reconcile();
    expect(lists).toBe(1);
  });

  test('whose record cannot be written has killed all the same', async () => {
    const id = stray();
    const store = { ...scene.store, record: () => Promise.reject(new Error('disk full')) };
    reconciler = reconcilerOn(['ledger'], { store });
    expect(await reconcile()).toEqual([counts({ listed: 1, orphans: 1, killed: 1 })]);
    expect(target.accounts).not.toContain(id);
    expect(logged).toContain('an audit event was lost');
  });

  test('that was asked for leaves what came of it in the event of whoever asked', async () => {
    const event = entry('target.reconcile');
    await reconciler.run('ledger', event);
    expect(event.facts).toMatchObject({ tool: 'ledger', detail: { targets: [counts()] } });
  });
});
