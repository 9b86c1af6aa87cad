// Recovery on a store: what a backup revived is dead and closed in the end, however often and wherever it was interrupted.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Broker } from '../../src/broker.js';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/domain/duration.js';
import type { VerifiedPrincipal } from '../../src/domain/principal.js';
import type { Recovered, Recovery } from '../../src/revocation/recover.js';
import { previewRecovery, recover } from '../../src/revocation/recover.js';
import type { LeaseCount, Store } from '../../src/store/store.js';
import { StoreUnavailable } from '../../src/store/store.js';
import type { StoreHarness } from '../contract/store/harness.js';
import {
  entry,
  granted,
  OPERATOR,
  PLENTY,
  reasonOf,
  Scene,
  select,
  signingKey,
} from '../contract/store/scene.js';
import { hasRedis } from '../fixtures/redis/presence.js';
import { StandaloneRedis } from '../fixtures/redis/standalone.js';
import { embeddedHarness } from '../store/embedded-harness.js';
import { redisHarness } from '../store/redis-harness.js';

const HARNESSES: readonly [name: string, harness: StoreHarness][] = [
  ['embedded', embeddedHarness()],
  ...(hasRedis
    ? [['Redis', redisHarness(() => StandaloneRedis.start())] satisfies [string, StoreHarness]]
    : []),
];
/** A kill's answer counts for as long as somebody may wait, which on a busy machine is not to the end. */
const counted = (killed: LeaseCount | undefined, whole: LeaseCount): boolean =>
  killed?.atLeast === true || (killed?.tokens === whole.tokens && killed.external === whole.external);
const full = (): Promise<never> => Promise.reject(new StoreUnavailable('it is full'));
const operator = { name: OPERATOR, roles: [{ role: 'operator' }] } as unknown as VerifiedPrincipal;

describe.each(HARNESSES)('on the %s store', (_name, harness) => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await Scene.open(harness);
  });
  afterEach(() => harness.close());

  const brokerOn = (store: Partial<Store> = {}): Broker =>
    ({ store: { ...scene.store, ...store }, wake: () => {} }) as unknown as Broker;

  const recovered = async (recovery: Partial<Recovery> = {}, broker = brokerOn()): Promise<Recovered> =>
    granted(
      await recover(
        broker,
        operator,
        { reason: 'restored', keepTasks: false, ...recovery },
        entry('store.recover', { principal: OPERATOR }),
      ),
    );

  /** Asks again until nothing is left, as the command does. */
  async function recoveredInSteps(): Promise<Recovered[]> {
    const answers = [await recovered({ closeWithinMs: 0 })];
    for (let last = answers[0]!; !last.done; answers.push(last))
      last = await recovered({ closeWithinMs: 0, cutoff: last.cutoff });
    return answers;
  }

  const stateOf = async (id: string): Promise<string | undefined> => scene.taskState(id);
  const open = async (): Promise<string[]> =>
    (await scene.store.listTasks({ state: 'open', limit: PLENTY })).map(({ id }) => id);

  test('everything that was issued is dead, every open task closed with all below it, and later ones live', async () => {
    await scene.task('done');
    await scene.closeTask('done');
    await scene.task('run');
    await scene.task('run.part');
    const leases = [await scene.issue('run'), await scene.issue('run.part')];
    const external = await scene.external('run');

    const { killed, closed, done, cutoff } = await recovered();
    expect([counted(killed, { tokens: 2, external: 1 }), closed, done]).toEqual([true, 1, true]);
    for (const { id } of leases) expect(await scene.standing(id)).toBe('revoked');
    expect(await scene.standing(external.id)).toBe('revoking');
    expect(await scene.store.readTask('done' as never)).toMatchObject({ closed: { outcome: 'completed' } });
    const [root, part] = [
      await scene.store.readTask('run' as never),
      await scene.store.readTask('run.part' as never),
    ];
    expect(root!.closed).toMatchObject({ outcome: 'revoked', by: OPERATOR, reason: 'restored' });
    expect(part!.closed).toMatchObject({ outcome: 'revoked', by: OPERATOR });
    expect(await open()).toEqual([]);

    const later = await scene.task('later');
    expect(later.openedAt).toBeGreaterThan(cutoff);
    expect(await scene.standing((await scene.issue('later')).id)).toBe('active');
    await scene.settleAll();
    expect(await stateOf('run')).toBe('settled');
  });

  test('with tasks to be kept it kills only, and what is issued in them later lives', async () => {
    await scene.task('run');
    const { id } = await scene.issue('run');
    const { killed, closed, done } = await recovered({ keepTasks: true });
    expect([counted(killed, { tokens: 1, external: 0 }), closed, done]).toEqual([true, 0, true]);
    expect([await scene.standing(id), await stateOf('run')]).toEqual(['revoked', 'open']);
    scene.clock.advance(1);
    expect(await scene.standing((await scene.issue('run')).id)).toBe('active');
  });

  test('a credential that the backup never knew stays dead for as long as any credential may live', async () => {
    await recovered();
    const [all] = (await scene.store.revocations()).entries;
    expect(all).toMatchObject({ kind: 'all', by: OPERATOR });
    expect(all!.mootAt - all!.cutoff).toBeGreaterThan(12 * HOUR_MS);
    scene.clock.advance(12 * HOUR_MS);
    await scene.sweep();
    expect((await scene.store.revocations()).entries).toContainEqual(
      expect.objectContaining({ kind: 'all' }),
    );
  });

  test('more tasks than one request may close are closed by asking again, and no newer one with them', async () => {
    for (let n = 0; n < 230; n++) await scene.task(`run-${n}`);
    const answers = [await recovered({ closeWithinMs: 0 })];
    const { cutoff } = answers[0]!;
    const { id } = await scene.issue((await scene.task('newer')).id);
    while (!answers.at(-1)!.done) answers.push(await recovered({ closeWithinMs: 0, cutoff }));
    expect(answers.length).toBe(4);
    expect(answers.slice(1).map((answer) => [answer.cutoff, answer.killed])).toEqual(
      answers.slice(1).map(() => [cutoff, undefined]),
    );
    expect(answers.reduce((sum, { closed }) => sum + closed, 0)).toBe(230);
    expect(await open()).toEqual(['newer']);
    expect(await scene.standing(id)).toBe('active');
  });

  test('asked twice, it finds nothing more to close; the first closing stands', async () => {
    await scene.task('run');
    await recovered();
    const first = await scene.store.readTask('run' as never);
    scene.clock.advance(SECOND_MS);
    expect(await recovered({ reason: 'once more' })).toMatchObject({ closed: 0, done: true });
    expect((await scene.store.readTask('run' as never))!.closed).toEqual(first!.closed);
  });

  test('a store that goes away in the middle has killed everything, and a second run closes the rest', async () => {
    for (let n = 0; n < 120; n++) await scene.task(`run-${n}`);
    const { id } = await scene.issue('run-0');
    let closings = 0;
    const closeTask: Store['closeTask'] = (...closing) =>
      ++closings > 70
        ? Promise.reject(new StoreUnavailable('it is gone'))
        : scene.store.closeTask(...closing);
    await expect(recovered({}, brokerOn({ closeTask }))).rejects.toThrow('it is gone');
    await scene.crash();
    expect(await scene.standing(id)).toBe('revoked');
    const left = (await open()).length;
    expect(left).toBeGreaterThan(0);
    expect(await recovered()).toMatchObject({ closed: left, done: true });
    expect(await open()).toEqual([]);
  });

  test('a task below a root that is closed, or lost, is closed by itself', async () => {
    await scene.task('run');
    await scene.task('run.part');
    // As if the store had kept the child only.
    const closeTask: Store['closeTask'] = (id, closing, why) =>
      id === 'run'
        ? scene.store.closeTask('none' as never, closing, why)
        : scene.store.closeTask(id, closing, why);
    expect(await recovered({}, brokerOn({ closeTask }))).toMatchObject({ closed: 1, done: true });
    expect(await stateOf('run.part')).toBe('settled');
  });

  test('the record has the kill and each closing, by whom, and what they belong to', async () => {
    await scene.task('run');
    await scene.task('other');
    const recovery = entry('store.recover', { principal: OPERATOR });
    const asked = { reason: 'restored', keepTasks: false };
    const { cutoff } = granted(await recover(brokerOn(), operator, asked, recovery));
    const events = await scene.store.auditEvents({ limit: 3 });
    expect(events.map(({ action, principal, outcome }) => [action, principal, outcome])).toEqual(
      ['task.complete', 'task.complete', 'revocation.create'].map((action) => [
        action,
        OPERATOR,
        'permitted',
      ]),
    );
    const [last, first, kill] = events;
    expect(kill!.detail).toMatchObject({ select: 'all', cutoff, reason: 'restored', recovery: true });
    expect(kill!.requestId).toBe(recovery.requestId);
    for (const closing of [last!, first!]) {
      expect(closing.detail).toMatchObject({ outcome: 'revoked', recovery: recovery.requestId });
    }
    // Left to the edge, which records what nobody concluded.
    expect([recovery.concluded, recovery.facts.detail]).toEqual([
      false,
      { reason: 'restored', cutoff, tasks_closed: 2, done: true },
    ]);
  });

  test('a store that can record nothing else any more still kills, closes, and says so', async () => {
    await scene.task('run');
    expect(await recovered({}, brokerOn({ record: full, recordInPassing: full }))).toMatchObject({
      closed: 1,
      done: true,
    });
  });

  test('it tells which quarantines and keys are there, and takes back none of them', async () => {
    await scene.revoke(select('agent', 'cluster/agent-9'), { quarantine: true });
    await scene.store.addSigningKey(signingKey('key-1', 1), entry('key.rotate'));
    await scene.revoke(select('key', 'key-0'));
    const { quarantines, keys } = await recovered();
    expect(quarantines).toMatchObject([{ agent: 'cluster/agent-9' }]);
    expect(keys).toMatchObject([{ kid: 'key-1' }]);
    expect(await scene.store.quarantines()).toHaveLength(1);
    expect(await scene.store.revokedKeys()).toEqual(['key-0']);
  });

  test('a cut-off that is still to come is refused, before anything is done', async () => {
    await scene.task('run');
    const cutoff = (await scene.store.now()) + MINUTE_MS;
    const asked = { reason: 'restored', keepTasks: false, cutoff };
    expect(reasonOf(await recover(brokerOn(), operator, asked, entry('store.recover')))).toBe(
      'request_malformed',
    );
    expect(await stateOf('run')).toBe('open');
  });

  test('a preview counts and changes nothing', async () => {
    await scene.task('run');
    await scene.task('run.part');
    await scene.task('other');
    const { id } = await scene.issue('run');
    const count = { tokens: 1, external: 0 };
    for (const [keepTasks, preview] of [
      [false, { count, tasks: { open: 2 } }],
      [true, { count }],
    ] as const) {
      expect(await previewRecovery(brokerOn(), { keepTasks }, entry('revocation.preview'))).toEqual(preview);
    }
    expect([await scene.standing(id), (await open()).length]).toEqual(['active', 3]);
  });

  test('many steps and one come to the same', async () => {
    for (let n = 0; n < 110; n++) {
      await scene.task(`run-${n}`);
      await scene.task(`run-${n}.part`);
    }
    const answers = await recoveredInSteps();
    expect([answers.length, answers.reduce((sum, { closed }) => sum + closed, 0)]).toEqual([3, 110]);
    expect(await open()).toEqual([]);
  });
});
