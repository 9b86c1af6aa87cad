// The store's contract on what has come to pass in a tree: versions that are compared, and what a tree holds and was told.
import { describe, expect, it } from '@jest/globals';
import { MINUTE_MS, SECOND_MS } from '../../../src/domain/duration.js';
import type { Lease } from '../../../src/domain/lease.js';
import type { Refusal } from '../../../src/domain/refusal.js';
import type { Holding, TreeContext } from '../../../src/domain/tree-context.js';
import { ContextChanged, MOST_REFUSALS, NO_CONTEXT } from '../../../src/domain/tree-context.js';
import type { DecidedOn, LeaseRequest } from '../../../src/store/store.js';
import type { Scene } from './scene.js';
import { AGENT, entry, externalRequest, granted, reasonOf, select, taskId, tokenRequest } from './scene.js';

const CRM: Holding = 'data:confidential:crm';
const MAIL: Holding = 'tool:internal:mail';
const DIGEST = 'digest-of-the-facts';
const ROOT = taskId('run-1');
const MOST = 8;

const on = (
  version: number,
  holding: Holding = CRM,
  more: Partial<DecidedOn> = {},
): Partial<LeaseRequest> => ({
  basis: { principal: DIGEST },
  decidedOn: { version, holding, principal: '{"sub":"agent-1"}', ...more },
});
const contextOf = (answer: unknown): TreeContext | undefined =>
  answer instanceof ContextChanged ? answer.context : undefined;

/** A tree of two tasks. */
async function tree(begin: () => Promise<Scene>): Promise<Scene> {
  const scene = await begin();
  await scene.task('run-1');
  await scene.task('run-1.child');
  return scene;
}
const signal = (scene: Scene, task = 'run-1', type = 'untrusted_content', most = MOST) =>
  scene.store.signalTask(taskId(task), type, most, entry('task.signal'));

const first = (instance: string, version: number): Partial<LeaseRequest> => ({
  ...on(version),
  instance,
  bindsInstance: 'of_agent',
});
const refuse = async (scene: Scene, root = 'run-1', outcome: 'refused' | 'failed' = 'refused') => {
  const asked = entry('token.exchange', { taskId: root });
  asked.refusalOf = taskId(root);
  await scene.store.record(asked, { outcome, reason: 'policy_denied' });
  expect(asked.concluded).toBe(true);
};

/** As the broker remembers it, and then as it is: the one must not be behind what it did itself. */
async function expectContext(scene: Scene, context: Partial<TreeContext>): Promise<void> {
  expect(await scene.store.recallContext(ROOT)).toEqual({ ...NO_CONTEXT, ...context });
  expect(await scene.store.readContext(ROOT)).toEqual({ ...NO_CONTEXT, ...context });
}

export function describeContexts(begin: () => Promise<Scene>): void {
  describe('a lease that was decided on a context', () => {
    it('is issued on the version that there is, and adds what the tree holds, once', async () => {
      const scene = await tree(begin);
      await expectContext(scene, {});
      await scene.issue('run-1.child', on(0));
      await expectContext(scene, { version: 1, held: [CRM] });
      await scene.issue('run-1', on(1));
      await expectContext(scene, { version: 1, held: [CRM] });
      await scene.reserve('run-1', on(1, MAIL));
      await expectContext(scene, { version: 2, held: [CRM, MAIL] });
      await scene.crash();
      await expectContext(scene, { version: 2, held: [CRM, MAIL] });
      expect(await scene.store.readContext(taskId('run-2'))).toEqual(NO_CONTEXT);
    });

    type Ask = (
      scene: Scene,
      version: number,
      asked: ReturnType<typeof entry>,
      held: Lease,
    ) => Promise<unknown>;
    const transitions: [string, Ask][] = [
      ['issued', ({ store }, version, asked) => store.issueLease(tokenRequest('run-1', on(version)), asked)],
      [
        'reserved',
        ({ store }, version, asked) => store.reserveLease(externalRequest('run-1', on(version)), asked),
      ],
      [
        'renewed',
        ({ store }, version, asked, { id }) => {
          const renewal = { agent: AGENT, ttlMs: 6 * MINUTE_MS, policyDigest: 'of-now', ...on(version) };
          return store.renewLease(id, renewal, asked);
        },
      ],
    ];
    it.each(transitions)(
      'is not %s where the context has changed: nothing happens, nothing is on record, and it is said what there is now',
      async (_, ask) => {
        const scene = await tree(begin);
        const held = await scene.issue('run-1', on(0));
        await signal(scene, 'run-1.child');
        const now = { version: 2, signals: ['untrusted_content'], held: [CRM] };
        const before = await scene.store.listLeases({ limit: 9 });
        for (const version of [0, 1, 3]) {
          const asked = entry();
          expect(contextOf(await ask(scene, version, asked, held))).toEqual({ ...NO_CONTEXT, ...now });
          expect(asked.concluded).toBe(false);
          expect(await scene.store.auditEvents({ request: asked.requestId, limit: 9 })).toEqual([]);
        }
        expect(await scene.store.listLeases({ limit: 9 })).toEqual(before);
        await expectContext(scene, now);
        granted((await ask(scene, 2, entry(), held)) as Lease | Refusal);
      },
    );

    it('rests, renewed, on what the renewal was decided on, and its tree holds what it is by then', async () => {
      const scene = await tree(begin);
      const { id } = await scene.issue('run-1', on(0));
      const renewal = {
        agent: AGENT,
        ttlMs: 6 * MINUTE_MS,
        policyDigest: 'of-now',
        decidedOn: { version: 1, holding: 'data:restricted:crm' as const, principal: '{"of":"now"}' },
        basis: { principal: 'digest-of-now', address: '192.0.2.1', ttlMs: 90_000 },
      };
      granted(await scene.store.renewLease(id, renewal, entry('lease.renew')));
      await scene.crash();
      expect((await scene.store.readLease(id))?.basis).toEqual(renewal.basis);
      expect(await scene.store.principalFacts(taskId('run-1'), 'digest-of-now')).toBe('{"of":"now"}');
      await expectContext(scene, { version: 2, held: [CRM, 'data:restricted:crm'] });
      expect(await scene.store.dueReviews(9, 0)).toEqual([{ root: 'run-1', version: 2 }]);
    });

    it('is refused first what is refused on every context', async () => {
      const scene = await tree(begin);
      await scene.task('brief', { ttlMs: 999 });
      await scene.task('closed');
      await scene.closeTask('closed');
      const ask = async (task: string, more: Partial<LeaseRequest> = {}) =>
        reasonOf(await scene.store.issueLease(tokenRequest(task, { ...on(7), ...more }), entry()));
      expect(await ask('none')).toBe('task_unknown');
      expect(await ask('closed')).toBe('task_closed');
      expect(await ask('brief')).toBe('task_ending');
      await scene.revoke(select('key', 'key-1'));
      expect(await ask('run-1')).toBe('key_revoked');
      await scene.revoke(select('agent', AGENT), { quarantine: true });
      expect(await ask('run-1')).toBe('agent_quarantined');
    });

    it('binds no instance and adds nothing where it is decided again', async () => {
      const scene = await tree(begin);
      const asked = tokenRequest('run-1', first('pod:1', 7));
      expect(contextOf(await scene.store.issueLease(asked, entry()))).toEqual(NO_CONTEXT);
      await scene.issue('run-1', first('pod:2', 0));
      const other = tokenRequest('run-1', first('pod:1', 1));
      expect(reasonOf(await scene.store.issueLease(other, entry()))).toBe('instance_mismatch');
      await expectContext(scene, { version: 1, held: [CRM] });
    });

    it('of two at once on the same version one is decided again, and then sees what the other holds', async () => {
      const scene = await tree(begin);
      const ask = (task: string, holding: Holding) =>
        scene.store.issueLease(tokenRequest(task, on(0, holding)), entry());
      const answers = await Promise.all([ask('run-1', CRM), ask('run-1.child', MAIL)]);
      const [changed, ...more] = answers.map(contextOf).filter((context) => context !== undefined);
      expect(more).toEqual([]);
      const others = answers[0] instanceof ContextChanged ? MAIL : CRM;
      expect(changed).toEqual({ ...NO_CONTEXT, version: 1, held: [others] });
      expect(await scene.store.listLeases({ limit: 9 })).toHaveLength(1);
    });

    it('leaves what the tree holds when it has ended: what was read stays read', async () => {
      const scene = await tree(begin);
      const { id } = await scene.issue('run-1.child', on(0));
      await scene.revoke(select('lease', id));
      await scene.closeTask('run-1.child');
      await expectContext(scene, { version: 1, held: [CRM] });
    });

    it('changes nothing where it was decided on none, and is not compared', async () => {
      const scene = await tree(begin);
      await signal(scene);
      const { id } = await scene.issue('run-1');
      await scene.external('run-1');
      granted(await scene.store.renewLease(id, { agent: AGENT, ttlMs: 1, policyDigest: 'p' }, entry()));
      await expectContext(scene, { version: 1, signals: ['untrusted_content'] });
    });

    it('keeps on what it was decided, and that it is good once, renewed or not', async () => {
      const scene = await tree(begin);
      const kept = {
        basis: { principal: DIGEST, address: '10.0.0.7', ttlMs: MINUTE_MS },
        singleUse: true,
      } as const;
      const { details: _details, ...plain } = tokenRequest('run-1', kept);
      for (const request of [tokenRequest('run-1', { ...kept, jkt: 'thumbprint' }), plain]) {
        const lease = granted(await scene.store.issueLease(request, entry()));
        expect(lease).toMatchObject(kept);
        const renewal = { agent: AGENT, ttlMs: 1, policyDigest: 'of-now' };
        granted(await scene.store.renewLease(lease.id, renewal, entry()));
        await scene.crash();
        expect(await scene.store.readLease(lease.id)).toEqual({ ...lease, policyDigest: 'of-now' });
      }
      expect(await scene.external('run-1', kept)).toMatchObject(kept);
      const bare = await scene.store.readLease((await scene.issue('run-1')).id);
      expect(bare).not.toHaveProperty('basis');
      expect(bare).not.toHaveProperty('singleUse');
    });

    it('has the facts about its principal kept for the tree, once for each digest, until the root is closed', async () => {
      const scene = await tree(begin);
      const facts = (digest: string, root = 'run-1') => scene.store.principalFacts(taskId(root), digest);
      await scene.task('run-10');
      await scene.issue('run-1.child', on(0));
      await scene.issue('run-1', on(1, CRM, { principal: '{"other":"text, and no newline:\\n"}' }));
      expect(await facts(DIGEST)).toBe('{"sub":"agent-1"}');
      expect(await facts('another')).toBeUndefined();
      expect(await facts(DIGEST, 'run-10')).toBeUndefined();
      const long = JSON.stringify({ groups: 'é\n'.repeat(2000) });
      await scene.issue('run-1', { ...on(1, CRM, { principal: long }), basis: { principal: 'long' } });
      await scene.closeTask('run-1.child');
      await scene.crash();
      expect(await facts('long')).toBe(long);
      await scene.closeTask('run-1');
      expect([await facts(DIGEST), await facts('long')]).toEqual([undefined, undefined]);
    });
  });

  describe('a signal', () => {
    it('is added once to the whole tree, whichever of its tasks it is of, and to no other', async () => {
      const scene = await tree(begin);
      await scene.task('run-10');
      const context = { ...NO_CONTEXT, version: 1, signals: ['untrusted_content'] };
      expect(await signal(scene, 'run-1.child')).toEqual({ context, added: true, due: true });
      expect(await signal(scene, 'run-1')).toEqual({ context, added: false, due: true });
      const both = { ...context, version: 2, signals: ['untrusted_content', 'a"quote'] };
      expect(await signal(scene, 'run-1', 'a"quote')).toEqual({ context: both, added: true, due: true });
      await scene.crash();
      expect(await signal(scene, 'run-1', 'a"quote')).toEqual({ context: both, added: false, due: true });
      await expectContext(scene, both);
      expect(await scene.store.readContext(taskId('run-10'))).toEqual(NO_CONTEXT);
    });

    it('is refused where there are as many types as there may be, and not where it is there already', async () => {
      const scene = await tree(begin);
      for (const type of ['a', 'b']) granted(await signal(scene, 'run-1', type, 2));
      expect(reasonOf(await signal(scene, 'run-1.child', 'c', 2))).toBe('too_many_signals');
      expect(granted(await signal(scene, 'run-1', 'b', 2)).added).toBe(false);
      await expectContext(scene, { version: 2, signals: ['a', 'b'] });
    });

    it('is refused for a task that is unknown, closed, or past its deadline', async () => {
      const scene = await tree(begin);
      await scene.task('run-1.brief', { ttlMs: SECOND_MS });
      await scene.closeTask('run-1.child');
      scene.clock.advance(2 * SECOND_MS);
      expect(reasonOf(await signal(scene, 'run-1.none'))).toBe('task_unknown');
      expect(reasonOf(await signal(scene, 'run-1.child'))).toBe('task_closed');
      expect(reasonOf(await signal(scene, 'run-1.brief'))).toBe('task_closed');
      await expectContext(scene, {});
    });

    it('of many at once of the same type is added by one', async () => {
      const scene = await tree(begin);
      const answers = await Promise.all(Array.from({ length: 10 }, () => signal(scene)));
      expect(answers.filter((answer) => granted(answer).added)).toHaveLength(1);
    });
  });

  describe('refusals', () => {
    it('count for the tree that they are said to be of, with their events', async () => {
      const scene = await tree(begin);
      await refuse(scene);
      await scene.store.record(entry('token.exchange', { taskId: 'run-1' }), { outcome: 'refused' });
      await refuse(scene, 'run-1', 'failed');
      await refuse(scene, 'run-1');
      await expectContext(scene, { version: 2, refusals: 2 });
      await scene.crash();
      await expectContext(scene, { version: 2, refusals: 2 });
      expect(await scene.store.auditEvents({ task: 'run-1', limit: 9 })).toHaveLength(6);
    });

    it('of a tree that is unknown are recorded, and count nowhere', async () => {
      const scene = await begin();
      await refuse(scene, 'run-9');
      expect(await scene.store.readContext(taskId('run-9'))).toEqual(NO_CONTEXT);
      expect(await scene.store.auditEvents({ task: 'run-9', limit: 9 })).toHaveLength(1);
    });

    it('are counted so far and no further: a caller cannot change the context for ever', async () => {
      const scene = await tree(begin);
      await Promise.all(Array.from({ length: MOST_REFUSALS + 3 }, () => refuse(scene)));
      await expectContext(scene, { version: MOST_REFUSALS, refusals: MOST_REFUSALS });
    });
  });
}
