// The sweeper kills what is due at its target until that is confirmed, and never lets one of them hold up the others.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { systemClock } from '../../src/domain/clock.js';
import { MINUTE_MS, SECOND_MS } from '../../src/domain/duration.js';
import type { ActiveLease } from '../../src/domain/lease.js';
import type { Secret } from '../../src/domain/secret.js';
import type { SweeperOptions } from '../../src/revocation/sweeper.js';
import { Sweeper } from '../../src/revocation/sweeper.js';
import type { Store } from '../../src/store/store.js';
import { openEmbeddedStore } from '../../src/store/embedded/embedded-store.js';
import { entry, externalRequest, granted, select, Scene, taskId } from '../contract/store/scene.js';
import { TERMS } from '../contract/store/harness.js';
import { embeddedHarness } from '../store/embedded-harness.js';
import { ExternalTarget, TARGET_KIND } from '../fixtures/external-target.js';
import { lanes } from '../fixtures/lanes.js';
import { until } from '../fixtures/until.js';

const harness = embeddedHarness();
let scene: Scene;
let target: ExternalTarget;
let logged: { message: string; facts: object }[];
let looks: number;
let settlements: number;
const nothing = (): void => {};
const sweepers: Sweeper[] = [];

beforeEach(async () => {
  scene = await Scene.open(harness);
  target = new ExternalTarget();
  logged = [];
  looks = 0;
  settlements = 0;
});
afterEach(async () => {
  for (const sweeper of sweepers.splice(0)) await sweeper.stop();
  await harness.close();
});

function sweeperOn(store: Store, more: Partial<SweeperOptions> = {}): Sweeper {
  const sweeper = new Sweeper({
    store: {
      sweep: (limit) => store.sweep(limit),
      now: () => store.now(),
      async settle(id, claim, settlement) {
        const settled = await store.settle(id, claim, settlement);
        settlements++;
        return settled;
      },
      async claimDue(limit, windowMs) {
        const due = await store.claimDue(limit, windowMs);
        looks++;
        return due;
      },
      claimEnded: (of, limit, windowMs) => store.claimEnded(of, limit, windowMs),
    },
    minters: new Map([[TARGET_KIND, target]]),
    targets: lanes(scene.clock),
    unseal: (sealed) => `opened ${sealed}`,
    clock: scene.clock,
    log: { error: (facts, message) => void logged.push({ facts, message }) },
    random: () => 0,
    ...more,
  });
  sweepers.push(sweeper);
  return sweeper;
}

/** Wakes it, and waits until it has looked for work once more. */
async function wake(sweeper: Sweeper): Promise<void> {
  const before = looks;
  sweeper.wake();
  await until('it looked for work', () => looks > before, { everyMs: 1 });
}

async function account(task: string, tool = 'ledger'): Promise<ActiveLease> {
  const lease = await scene.external(task, { kind: TARGET_KIND, tool });
  await target.mint(lease);
  return lease;
}
const state = (lease: ActiveLease) => scene.standing(lease.id);

describe('what is due', () => {
  test('is killed at the target, confirmed, and the task settled', async () => {
    await scene.task('run');
    const leases = [await account('run'), await account('run')];
    await scene.closeTask('run');
    expect(target.accounts.size).toBe(2);
    sweeperOn(scene.store).wake();
    await until('the task is settled', async () => (await scene.taskState('run')) === 'settled');
    expect(target.accounts.size).toBe(0);
    for (const lease of leases) expect(await state(lease)).toBe('revoked');
  });

  test('is killed with its secret, opened for this once, where one was kept', async () => {
    await scene.task('run');
    const { id } = await scene.reserve('run', { kind: TARGET_KIND });
    await scene.activate(id, 'sealed text');
    await scene.revoke(select('lease', id));
    const given: (string | undefined)[] = [];
    const revoke = (_lease: unknown, secret?: Secret) => Promise.resolve(void given.push(secret?.reveal()));
    sweeperOn(scene.store, { minters: new Map([[TARGET_KIND, Object.assign(target, { revoke })]]) }).wake();
    await until('it is revoked', async () => (await scene.standing(id)) === 'revoked');
    expect(given).toEqual(['opened sealed text']);
  });

  test('is as much as there is, though only a few are killed at a time', async () => {
    await scene.task('run');
    for (let lease = 0; lease < 100; lease++) await account('run');
    let [now, most] = [0, 0];
    target.beforeKill = async () => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setImmediate(resolve));
      now--;
    };
    await scene.closeTask('run');
    sweeperOn(scene.store).wake();
    await until('the task is settled', async () => (await scene.taskState('run')) === 'settled');
    expect([target.accounts.size, target.attempts.length]).toEqual([0, 100]);
    expect(most).toBeLessThanOrEqual(32);
  });

  test('is found by itself when its time comes, without anybody who wakes it', async () => {
    const clock = systemClock();
    const store = openEmbeddedStore({ path: ':memory:', clock, ...TERMS });
    scene.store = store;
    await scene.task('brief', { ttlMs: 1500 });
    await account('brief');
    sweeperOn(store, { clock }).wake();
    await until('its account is gone', () => target.accounts.size === 0, { withinMs: 4000 });
    const task = (await store.readTask('brief' as never))!;
    await until('the task is settled', async () => (await scene.taskState('brief')) === 'settled', {
      withinMs: 2000,
    });
    expect(clock.now() - task.deadline).toBeLessThan(SECOND_MS);
    for (const sweeper of sweepers.splice(0)) await sweeper.stop();
    await store.close();
  });

  test('is killed where its task or it was ended, and nothing else is looked at for that', async () => {
    await scene.task('run');
    await account('run');
    const released = await account('run');
    await account('run');
    const sweeper = sweeperOn(scene.store);
    await scene.revoke(select('lease', released.id));
    sweeper.wake({ ended: released.id });
    await until('it is dead', () => target.accounts.size === 2, { everyMs: 1 });
    await scene.closeTask('run');
    sweeper.wake({ ended: taskId('run') });
    await until('all are dead', () => target.accounts.size === 0, { everyMs: 1 });
    await until('the task is settled', async () => (await scene.taskState('run')) === 'settled');
    expect(looks).toBe(0);
  });

  test('is killed all the same where it was more than are claimed at a time', async () => {
    await scene.task('run');
    for (let n = 0; n < 70; n++) await account('run');
    await scene.closeTask('run');
    sweeperOn(scene.store).wake({ ended: taskId('run') });
    await until('all are dead', () => target.accounts.size === 0);
    expect(looks).toBeGreaterThan(0);
  });

  test('that falls due sooner than anything that was known is found then, also when that is said during a sweep', async () => {
    const clock = systemClock();
    const store = openEmbeddedStore({ path: ':memory:', clock, ...TERMS });
    scene.store = store;
    let during: (() => Promise<void>) | undefined;
    const seen: Store = Object.assign(Object.create(store) as Store, {
      sweep: async (limit: number) => {
        const swept = await store.sweep(limit);
        await during?.();
        during = undefined;
        return swept;
      },
    });
    const sweeper = sweeperOn(seen, { clock });
    for (const task of ['told', 'told-during-a-sweep']) {
      const open = async (): Promise<void> => {
        const { deadline } = await scene.task(task, { ttlMs: SECOND_MS });
        sweeper.wake({ by: deadline });
      };
      if (task === 'told') await open();
      else {
        during = open;
        sweeper.wake();
      }
      await until('it is over', async () => (await scene.taskState(task)) === 'settled', { withinMs: 3000 });
    }
    for (const each of sweepers.splice(0)) await each.stop();
    await store.close();
  });

  test('that may come to be after its kill is killed once more, without anybody who wakes it', async () => {
    const clock = systemClock();
    const store = openEmbeddedStore({ path: ':memory:', clock, ...TERMS });
    scene.store = store;
    await scene.task('run');
    target.mintDeadlineMs = SECOND_MS;
    const asked = { ...externalRequest('run', { kind: TARGET_KIND }), mintDeadlineMs: SECOND_MS };
    const lease = granted(await store.reserveLease(asked, entry()));
    const sweeper = sweeperOn(store, { clock });
    await scene.closeTask('run');
    sweeper.wake({ ended: taskId('run') });
    await until('it was killed for the first time', () => settlements === 1);
    await target.mint(lease);
    await until('it is dead', () => target.accounts.size === 0, { withinMs: 3000 });
    for (const each of sweepers.splice(0)) await each.stop();
    await store.close();
  });
});

describe('a target that fails', () => {
  test('is asked again after a pause that doubles, and given up, loudly, after six attempts', async () => {
    await scene.task('run');
    const lease = await account('run');
    await scene.closeTask('run');
    target.beforeKill = () => Promise.reject(new Error('not now'));
    const sweeper = sweeperOn(scene.store);
    await wake(sweeper);
    for (const [attempt, pauseMs] of [500, 1000, 2000, 4000, 8000].entries()) {
      await until('the attempt is on record', () => settlements === attempt + 1, { everyMs: 1 });
      expect([await state(lease), logged.length]).toEqual(['revoking', attempt + 1]);
      // Not a millisecond earlier.
      scene.clock.advance(pauseMs - 1);
      await wake(sweeper);
      expect(target.attempts).toHaveLength(attempt + 1);
      scene.clock.advance(1);
      await wake(sweeper);
    }
    await until('it is given up', async () => (await state(lease)) === 'irrevocable');
    expect(target.attempts).toHaveLength(6);
    expect(logged.at(-1)).toMatchObject({
      message: expect.stringContaining('somebody must look'),
      facts: { attempts: 6, error: 'not now' },
    });
    const [event] = await scene.store.auditEvents({ lease: lease.id, limit: 1 });
    expect(event).toMatchObject({
      action: 'lease.settle',
      outcome: 'failed',
      detail: { state: 'irrevocable', error: 'not now' },
    });
    scene.clock.advance(10 * MINUTE_MS);
    await wake(sweeper);
    expect(target.attempts).toHaveLength(6);
  });

  test.each([
    [0, 500],
    [0.5, 750],
    [0.999999, 1000],
  ])('is asked again at a time that chance has a say in: %d', async (chance, pauseMs) => {
    await scene.task('run');
    await account('run');
    await scene.closeTask('run');
    target.beforeKill = () => Promise.reject(new Error('not now'));
    const pauses: number[] = [];
    const store: Store = {
      ...scene.store,
      settle: (id, claim, settlement) => {
        if (settlement.kind === 'failed') pauses.push(settlement.retryAfterMs);
        return scene.store.settle(id, claim, settlement);
      },
    };
    sweeperOn(store, { random: () => chance }).wake();
    await until('the pause is known', () => pauses.length > 0);
    expect(pauses).toEqual([pauseMs]);
  });

  test('that has let go in the end is believed', async () => {
    await scene.task('run');
    const lease = await account('run');
    await scene.closeTask('run');
    let failures = 2;
    target.beforeKill = () => (failures-- > 0 ? Promise.reject(new Error('not now')) : Promise.resolve());
    const sweeper = sweeperOn(scene.store);
    await wake(sweeper);
    for (const told of [1, 2]) {
      await until('the attempt is on record', () => settlements === told, { everyMs: 1 });
      scene.clock.advance(MINUTE_MS);
      await wake(sweeper);
    }
    await until('it is revoked', async () => (await state(lease)) === 'revoked');
    expect([target.attempts.length, target.accounts.size]).toEqual([3, 0]);
  });

  test('never answers: that is a failed attempt, and keeps no other target and no deadline waiting', async () => {
    await scene.task('hangs');
    await scene.task('works', { ttlMs: MINUTE_MS });
    const [hanging, working] = [await account('hangs'), await account('works')];
    await scene.closeTask('hangs');
    let come = nothing;
    target.beforeKill = (lease) =>
      lease.id === hanging.id ? new Promise<void>((resolve) => (come = resolve)) : Promise.resolve();
    const sweeper = sweeperOn(scene.store, { attemptMs: 300 });
    sweeper.wake();
    await until('the first one hangs', () => target.attempts.length === 1);
    scene.clock.advance(MINUTE_MS);
    sweeper.wake();
    await until('the other task is settled', async () => (await scene.taskState('works')) === 'settled');
    expect([await state(working), target.accounts.has(working.id)]).toEqual(['expired', false]);
    expect(logged).toEqual([]);
    await until('the attempt is given up', () => logged.length > 0);
    expect(logged[0]!.facts).toMatchObject({ lease: hanging.id, error: 'no answer within 300 ms' });
    come();
  });
});

describe('one target that hangs', () => {
  const MANY = 500;
  let letGo: (() => void)[];

  beforeEach(async () => {
    letGo = [];
    target.beforeKill = ({ tool }) =>
      tool === 'hangs' ? new Promise<void>((resolve) => letGo.push(resolve)) : Promise.resolve();
    await scene.task('run');
    await Promise.all(Array.from({ length: MANY }, () => account('run', 'hangs')));
    await scene.revoke(select('tool', 'hangs'));
  });

  test('keeps no kill of another tool waiting, though hundreds are due at it before that one', async () => {
    const sweeper = sweeperOn(scene.store);
    await wake(sweeper);
    scene.clock.advance(1);
    const healthy = await account('run', 'healthy');
    await scene.revoke(select('lease', healthy.id));
    const began = performance.now();
    sweeper.wake();
    await until('it is revoked', async () => (await state(healthy)) === 'revoked', { everyMs: 1 });
    expect(performance.now() - began).toBeLessThan(SECOND_MS);
    expect(letGo.length).toBeLessThanOrEqual(32);
    expect(logged).toEqual([]);
    target.beforeKill = () => Promise.resolve();
    for (const go of letGo) go();
  });

  test('is asked for no more at a time than it may be, and for all of them in the end', async () => {
    let [now, most] = [0, 0];
    target.beforeKill = async () => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setImmediate(resolve));
      now--;
    };
    const sweeper = sweeperOn(scene.store);
    sweeper.wake();
    await until('all are revoked', async () => {
      scene.clock.advance(SECOND_MS);
      await wake(sweeper);
      return target.accounts.size === 0;
    });
    expect([most <= 32, target.attempts.length, logged]).toEqual([true, MANY, []]);
  });
});

const down = (): Promise<never> => Promise.reject(new Error('connection refused'));
const attempts = (count: number): Promise<unknown> =>
  until(`there were ${count} attempts`, () => target.attempts.length === count);

describe('a target that is down', () => {
  const FAILURES = 5;

  async function fail(sweeper: Sweeper): Promise<void> {
    await scene.task('run');
    for (let n = 0; n < FAILURES; n++) await account('run');
    await scene.closeTask('run');
    target.beforeKill = down;
    await wake(sweeper);
    await until('they are on record', () => settlements === FAILURES, { everyMs: 1 });
  }

  test('is left alone after a few failures in a row, and one try says how it goes on', async () => {
    const sweeper = sweeperOn(scene.store);
    await fail(sweeper);
    // Each is due again before the pause is over.
    scene.clock.advance(499);
    await wake(sweeper);
    expect(target.attempts).toHaveLength(FAILURES);
    scene.clock.advance(1);
    let come = nothing;
    target.beforeKill = () => new Promise<void>((resolve) => (come = resolve));
    await wake(sweeper);
    await attempts(FAILURES + 1);
    scene.clock.advance(2 * SECOND_MS);
    await wake(sweeper);
    expect(target.attempts).toHaveLength(FAILURES + 1);
    target.beforeKill = () => Promise.resolve();
    come();
    await until('the try is on record', () =>
      scene.standing(target.attempts.at(-1)! as never).then((is) => is === 'revoked'),
    );
    scene.clock.advance(MINUTE_MS);
    await wake(sweeper);
    await until('the task is settled', async () => (await scene.taskState('run')) === 'settled');
    expect(target.accounts.size).toBe(0);
  });

  test('uses up no attempts of the credentials that wait for it', async () => {
    const sweeper = sweeperOn(scene.store);
    await fail(sweeper);
    await scene.task('other');
    const waiting = await account('other');
    await scene.revoke(select('lease', waiting.id));
    await wake(sweeper);
    await until('it is given back', () => settlements === FAILURES + 1);
    await sweeper.stop();
    scene.clock.advance(MINUTE_MS);
    const lent = (await scene.due()).find(({ lease }) => lease.id === waiting.id);
    expect([lent?.attempts, target.attempts.length]).toEqual([0, FAILURES]);
  });

  test('as often as is configured leaves a credential irrevocable', async () => {
    await scene.task('run');
    const lease = await account('run');
    await scene.closeTask('run');
    target.beforeKill = down;
    const sweeper = sweeperOn(scene.store, { mostAttempts: 2 });
    await until('it is given up', async () => {
      scene.clock.advance(MINUTE_MS);
      await wake(sweeper);
      return (await state(lease)) === 'irrevocable';
    });
    expect(target.attempts).toHaveLength(2);
  });

  test('long enough leaves a credential irrevocable, which is killed when somebody has it tried again', async () => {
    await scene.task('run');
    const lease = await account('run');
    await scene.closeTask('run');
    target.beforeKill = down;
    const sweeper = sweeperOn(scene.store);
    await until('it is given up', async () => {
      scene.clock.advance(MINUTE_MS);
      await wake(sweeper);
      return (await state(lease)) === 'irrevocable';
    });
    target.beforeKill = () => Promise.resolve();
    await scene.store.retryLease(lease.id, entry('lease.retry'));
    sweeper.wake();
    await until('it is revoked', async () => (await state(lease)) === 'revoked');
    expect((await scene.store.readLease(lease.id))!.confirmedAt).toBeDefined();
    expect(target.accounts.size).toBe(0);
  });
});

test('a kill that is in force at its target only after a while is confirmed then, and keeps no place until then', async () => {
  await scene.task('run');
  const lease = await account('run');
  await scene.closeTask('run');
  target.inForceAfterMs = 10_000;
  const sweeper = sweeperOn(scene.store);
  await wake(sweeper);
  await until(
    'it is accepted',
    async () => (await scene.store.readLease(lease.id))!.acceptedAt !== undefined,
  );
  expect(await state(lease)).toBe('revoking');
  await wake(sweeper);
  expect(target.attempts).toHaveLength(1);
  scene.clock.advance(10_000);
  await wake(sweeper);
  await until('it is confirmed', async () => (await state(lease)) === 'revoked');
  const { acceptedAt, confirmedAt } = (await scene.store.readLease(lease.id))!;
  expect(confirmedAt! - acceptedAt!).toBeGreaterThanOrEqual(10_000);
  expect(target.attempts).toHaveLength(2);
});

describe('a sweeper that is gone', () => {
  test('in the middle of a kill leaves it to the next one, when its loan has run out', async () => {
    await scene.task('run');
    const lease = await account('run');
    await scene.closeTask('run');
    const [lost] = await scene.due(30 * SECOND_MS);
    const sweeper = sweeperOn(scene.store);
    scene.clock.advance(30 * SECOND_MS - 1);
    await wake(sweeper);
    expect(target.attempts).toEqual([]);
    scene.clock.advance(1);
    await wake(sweeper);
    await until('it is revoked', async () => (await state(lease)) === 'revoked');
    expect([target.attempts, await scene.settle(lost!)]).toEqual([[lease.id], false]);
  });

  test('with its whole broker, too', async () => {
    await scene.task('run');
    const lease = await account('run');
    await scene.closeTask('run');
    await scene.due(30 * SECOND_MS);
    await scene.crash();
    scene.clock.advance(30 * SECOND_MS);
    await wake(sweeperOn(scene.store));
    await until('it is revoked', async () => (await state(lease)) === 'revoked');
    expect(target.accounts.size).toBe(0);
  });

  test('by our own will finishes the kill that is under way, and begins no other', async () => {
    await scene.task('run');
    const lease = await account('run');
    await scene.closeTask('run');
    let come = nothing;
    target.beforeKill = () => new Promise<void>((resolve) => (come = resolve));
    const sweeper = sweeperOn(scene.store);
    sweeper.wake();
    await until('the kill is under way', () => target.attempts.length === 1);
    const stopped = sweeper.stop();
    come();
    await stopped;
    expect(await state(lease)).toBe('revoked');
    await scene.task('later');
    await account('later');
    await scene.closeTask('later');
    sweeper.wake();
    await new Promise((resolve) => setImmediate(resolve));
    expect(target.attempts).toHaveLength(1);
  });
});

test('a store that fails is tried again, and the work is done then', async () => {
  await scene.task('run');
  const lease = await account('run');
  await scene.closeTask('run');
  let broken = true;
  const store: Store = {
    ...scene.store,
    sweep: (limit) => (broken ? Promise.reject(new Error('broken')) : scene.store.sweep(limit)),
  };
  sweeperOn(store).wake();
  await until('it says so', () => logged.length === 1);
  broken = false;
  await until('it is revoked', async () => (await state(lease)) === 'revoked', { withinMs: 5000 });
});
