// What a change of context forbids is dead when its signal is answered: whatever happens at the same time, or goes wrong.
import { EventEmitter, once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { SECOND_MS } from '../../src/domain/duration.js';
import type { LeaseId, TaskId } from '../../src/domain/ids.js';
import { Refusal } from '../../src/domain/refusal.js';
import type { Store } from '../../src/store/store.js';
import { finishReviews } from '../../src/tasks/review-tree.js';
import { MOST_TYPES } from '../../src/tasks/signal-task.js';
import { Scene } from '../contract/store/scene.js';
import { embeddedHarness } from '../store/embedded-harness.js';
import { entryOf, PolicyStage, rulesOf } from './policy-stage.js';

const PERMITS = 'permit (principal, action, resource);';
const forbids = (tool: string, signal: string): string =>
  `@id("no-${tool}") forbid (principal is Agent, action, resource == Tool::"${tool}") when { context.signals.contains("${signal}") };`;
const POLICIES = [PERMITS, forbids('web', 'anomaly'), forbids('ledger', 'anomaly')].join('\n');

const harness = embeddedHarness();
let scene: Scene;
beforeEach(async () => void (scene = await Scene.open(harness)));
afterEach(() => harness.close());

/** The store, with some of what it does done in another way. */
const with_ = (overrides: Partial<Store>): Store => ({ ...scene.store, ...overrides });

/** The first issuance is decided, and then something else happens before it is committed. */
function overtaken(by: () => Promise<unknown>): Store {
  let issuances = 0;
  return with_({
    issueLease: async (request, entry) => {
      if (issuances++ === 0) await by();
      return scene.store.issueLease(request, entry);
    },
  });
}

describe('a review', () => {
  test('ends what was reserved when it began, also where that becomes active while it looks', async () => {
    let reserved: LeaseId | undefined;
    const marks = new EventEmitter();
    const reached = once(marks, 'reached');
    const minting = once(marks, 'minted');
    const issued: Promise<unknown>[] = [];
    let looks = 0;
    const store = with_({
      // A page that was read, and not looked at yet.
      async *liveLeases(task) {
        for await (const page of scene.store.liveLeases(task)) {
          if (++looks === 1) {
            marks.emit('minted');
            await Promise.all(issued);
          }
          yield page;
        }
      },
    });
    const stage = new PolicyStage(scene, await rulesOf(POLICIES), store);
    stage.target.beforeMint = async (lease) => {
      reserved = lease.id;
      marks.emit('reached');
      await minting;
    };
    await stage.task('run');
    issued.push(stage.exchange('run', 'ledger'));
    await reached;
    expect(await stage.signal('run', 'anomaly')).toMatchObject({ added: true, ended: 1 });
    expect(await stage.stateOf({ id: reserved! })).toBe('revoking');
    expect(looks).toBeGreaterThan(1);
  });

  test('that fails leaves the tree due, and keeps no other tree from being reviewed', async () => {
    let isBroken = true;
    const store = with_({
      revoke: (kill, entry) =>
        isBroken && entry.facts.taskId === 'run-1'
          ? Promise.reject(new Error('no space left'))
          : scene.store.revoke(kill, entry),
    });
    const stage = new PolicyStage(scene, await rulesOf(POLICIES), store);
    const leases = [];
    for (const id of ['run-1', 'run-2']) {
      await stage.task(id);
      leases.push(await stage.granted(id, 'web'));
      await scene.store.signalTask(id as TaskId, 'anomaly', MOST_TYPES, entryOf('task.signal'));
      scene.clock.advance(SECOND_MS);
    }
    await expect(finishReviews(stage.broker, 0)).rejects.toThrow('no space left');
    expect(await Promise.all(leases.map((lease) => stage.stateOf(lease)))).toEqual(['active', 'revoked']);
    expect(await scene.store.dueReviews(9, 0)).toEqual([{ root: 'run-1', version: 2 }]);
    isBroken = false;
    await finishReviews(stage.broker, 0);
    expect(await stage.stateOf(leases[0]!)).toBe('revoked');
  });

  test('of each of more trees than are read in one go is made, whichever of them fail', async () => {
    const stage = new PolicyStage(
      scene,
      await rulesOf(POLICIES),
      with_({
        readContext: (root) =>
          root === 'run-249' || Number(root.slice(4)) >= 120
            ? scene.store.readContext(root)
            : Promise.reject(new Error('no space left')),
      }),
    );
    for (let nth = 0; nth < 250; nth++) {
      await stage.task(`run-${nth}`);
      await scene.store.signalTask(`run-${nth}` as TaskId, 'anomaly', MOST_TYPES, entryOf('task.signal'));
    }
    await expect(finishReviews(stage.broker, 0)).rejects.toThrow('no space left');
    expect(await scene.store.dueReviews(999, 0)).toHaveLength(120);
  });
});

describe('the policies in force', () => {
  test('decide again what a signal overtook, also where they were read while it was decided', async () => {
    const before = await rulesOf(PERMITS);
    const after = await rulesOf(POLICIES);
    const stage = new PolicyStage(
      scene,
      before,
      overtaken(async () => {
        stage.rules = after;
        expect(await stage.signal('run', 'anomaly')).toMatchObject({ added: true });
      }),
    );
    await stage.task('run');
    expect(await stage.exchange('run', 'web')).toMatchObject({ reason: 'policy_denied' });
  });

  test('are all that is on record of what was decided twice', async () => {
    const rules = await rulesOf(
      `@id("all") @max_ttl("2m") permit (principal, action, resource); ${forbids('web', 'anomaly')}`,
    );
    const stage = new PolicyStage(
      scene,
      rules,
      overtaken(() => stage.signal('run', 'anomaly')),
    );
    await stage.task('run');
    const entry = entryOf('token.exchange');
    expect(await stage.exchange('run', 'web', { entry })).toBeInstanceOf(Refusal);
    expect(entry.facts.detail).toMatchObject({ decision: 'deny', determining: ['no-web'] });
    expect(entry.facts.detail['obligations']).toBeUndefined();
  });

  test('that now ask for a proof end what is bound to no key', async () => {
    const stage = new PolicyStage(scene, await rulesOf(PERMITS));
    await stage.task('run');
    const lease = await stage.granted('run', 'web');
    stage.rules = await rulesOf('@require_dpop permit (principal, action, resource);');
    expect(await stage.signal('run', 'anything')).toMatchObject({ ended: 1 });
    expect(await stage.stateOf(lease)).toBe('revoked');
  });
});

describe('a renewed lease', () => {
  test('is decided again on what its agent was when it was renewed', async () => {
    const stage = new PolicyStage(
      scene,
      await rulesOf(`${PERMITS}
        forbid (principal is Agent, action, resource) when { context.signals.contains("anomaly") }
          unless { principal.hasTag("rank") && principal.getTag("rank").contains("senior") };`),
    );
    await stage.task('run');
    const demoted = await stage.granted('run', 'web', { rank: 'senior' });
    const still = await stage.granted('run', 'web', { rank: 'senior' });
    expect(await stage.renew(demoted, { rank: 'junior' })).not.toBeInstanceOf(Refusal);
    expect(await stage.renew(still, { rank: 'senior' })).not.toBeInstanceOf(Refusal);
    await stage.signal('run', 'anomaly');
    expect([await stage.stateOf(demoted), await stage.stateOf(still)]).toEqual(['revoked', 'active']);
  });

  test('of a tool that has become more sensitive ends what that forbids', async () => {
    const text = `${PERMITS}
      forbid (principal is Agent, action, resource == Tool::"web") when { context.held.data.contains("restricted") };`;
    const stage = new PolicyStage(scene, await rulesOf(text));
    await stage.task('run');
    const crm = await stage.granted('run', 'crm');
    const web = await stage.granted('run', 'web');
    stage.rules = await rulesOf(text, { crm: { sensitivity: 'restricted' } });
    expect(await stage.renew(crm)).not.toBeInstanceOf(Refusal);
    expect([await stage.stateOf(crm), await stage.stateOf(web)]).toEqual(['active', 'revoked']);
    expect(await stage.exchange('run', 'web')).toMatchObject({ reason: 'policy_denied' });
  });
});

test('no flood of free types keeps out those that the shipped policies know', async () => {
  const stage = new PolicyStage(scene, await rulesOf(POLICIES));
  await stage.task('run');
  const lease = await stage.granted('run', 'web');
  for (let nth = 0; nth < MOST_TYPES; nth++) await stage.signal('run', `type_${nth}`);
  expect(await stage.signal('run', 'one_more')).toMatchObject({ reason: 'too_many_signals' });
  for (const type of ['untrusted_content', 'sensitive_data_read', 'anomaly'])
    expect(await stage.signal('run', type)).toMatchObject({ added: true });
  expect(await stage.stateOf(lease)).toBe('revoked');
  expect(await stage.signal('run', 'one_more')).toMatchObject({ reason: 'too_many_signals' });
});
