// The store's contract on the audit log: exactly one event for every transition, in its own transaction (invariant 7).
import { describe, expect, it } from '@jest/globals';
import type { ConcludedEntry } from '../../../src/audit/entry.js';
import type { AuditEvent } from '../../../src/audit/event.js';
import { MINUTE_MS } from '../../../src/domain/duration.js';
import type { LeaseId } from '../../../src/domain/ids.js';
import type { Scene } from './scene.js';
import {
  AGENT,
  entry,
  externalRequest,
  newTask,
  OPERATOR,
  PLANNER,
  select,
  signingKey,
  taskId,
  tokenRequest,
} from './scene.js';

/** An event for each name of a task; of no task where that is empty. */
const toldOf = (names: readonly string[]): ConcludedEntry[] =>
  names.map((name) => ({
    entry: entry('tool.call', name === '' ? {} : { taskId: name }),
    conclusion: { outcome: 'permitted' },
  }));

export function describeAudit(begin: () => Promise<Scene>): void {
  describe('audit', () => {
    type Transition = (scene: Scene, written: ReturnType<typeof entry>) => Promise<unknown>;
    const renewal = { agent: AGENT, ttlMs: MINUTE_MS, policyDigest: 'p' };
    it.each<[string, Transition, Partial<AuditEvent>]>([
      [
        'an opening',
        ({ store }, e) => store.openTask(newTask('run-9'), e),
        { outcome: 'permitted', taskId: taskId('run-9') },
      ],
      [
        'a refused opening',
        ({ store }, e) => store.openTask(newTask('run-1', { bodyDigest: 'x' }), e),
        { outcome: 'refused', reason: 'task_conflict' },
      ],
      ['an issuance', ({ store }, e) => store.issueLease(tokenRequest('run-1'), e), { outcome: 'permitted' }],
      [
        'a refused issuance',
        ({ store }, e) => store.issueLease(tokenRequest('run-x'), e),
        { outcome: 'refused', reason: 'task_unknown' },
      ],
      [
        'a reservation',
        ({ store }, e) => store.reserveLease(externalRequest('run-1'), e),
        { outcome: 'permitted', detail: expect.objectContaining({ stage: 'reserved' }) },
      ],
      [
        'an activation',
        async (scene, e) => scene.store.activateLease(await newestLease(scene), {}, e),
        { outcome: 'permitted', detail: expect.objectContaining({ stage: 'active' }) },
      ],
      [
        'a mint given up',
        async (scene, e) => scene.store.abandonLease(await newestLease(scene), 'mint_failed', e),
        { outcome: 'failed', detail: expect.objectContaining({ stage: 'mint_failed' }) },
      ],
      [
        'a refused renewal',
        async (scene, e) => scene.store.renewLease(await newestLease(scene), renewal, e),
        { outcome: 'refused', reason: 'lease_ended' },
      ],
      [
        'an extension',
        ({ store, clock }, e) =>
          store.extendTask(
            taskId('run-1'),
            { deadline: clock.now() + 11 * MINUTE_MS, maxTtlMs: 60 * MINUTE_MS },
            e,
          ),
        { outcome: 'permitted', taskId: taskId('run-1') },
      ],
      [
        'a signal',
        ({ store }, e) => store.signalTask(taskId('run-1'), 'untrusted_content', 8, e),
        {
          outcome: 'permitted',
          taskId: taskId('run-1'),
          detail: expect.objectContaining({ signal: 'untrusted_content', added: true }),
        },
      ],
      [
        'a refused signal',
        ({ store }, e) => store.signalTask(taskId('run-x'), 'untrusted_content', 8, e),
        { outcome: 'refused', reason: 'task_unknown' },
      ],
      [
        'a closing',
        ({ store }, e) => store.closeTask(taskId('run-1'), { outcome: 'completed', by: PLANNER }, e),
        { outcome: 'permitted', taskId: taskId('run-1') },
      ],
      [
        'a closing of what is closed',
        ({ store }, e) => store.closeTask(taskId('closed'), { outcome: 'completed', by: PLANNER }, e),
        { outcome: 'permitted', taskId: taskId('closed') },
      ],
      [
        'a kill',
        ({ store }, e) => store.revoke({ select: select('agent', AGENT), by: OPERATOR }, e),
        { outcome: 'permitted', detail: expect.objectContaining({ select: `agent:${AGENT}` }) },
      ],
      [
        'a refused lifting',
        ({ store }, e) => store.liftQuarantine(AGENT, e),
        { outcome: 'refused', reason: 'quarantine_unknown' },
      ],
      [
        'a new signing key',
        ({ store }, e) => store.addSigningKey(signingKey('k', 1), e),
        { outcome: 'permitted' },
      ],
      [
        'what belongs to no transition',
        ({ store }, e) => store.record(e, { outcome: 'refused', reason: 'token_expired' }),
        { outcome: 'refused', reason: 'token_expired' },
      ],
    ])(
      'writes exactly one event for %s, in the same transaction, and concludes the entry',
      async (_, transition, expected) => {
        const scene = await begin();
        await scene.task('run-1');
        await scene.task('closed');
        await scene.closeTask('closed');
        await scene.reserve('run-1');
        const before = await scene.store.auditEvents({ limit: 99 });
        const written = entry('request', { principal: PLANNER, tool: 'crm', detail: { token: 'digest' } });
        await transition(scene, written);
        expect(written.concluded).toBe(true);
        await scene.crash();
        const [event, ...earlier] = await scene.store.auditEvents({ limit: 99 });
        expect(earlier).toEqual(before);
        expect(event).toMatchObject({
          action: 'request',
          requestId: written.requestId,
          principal: PLANNER,
          tool: 'crm',
          ...expected,
        });
        expect(event!.detail).toMatchObject({ token: 'digest' });
        expect(event!.sequence).toBeGreaterThan(before[0]!.sequence);
      },
    );

    it('knows the lease that an issuance made, and how a kill was settled', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const { id } = await scene.external('run-1');
      await scene.revoke(select('lease', id));
      await scene.settleAll();
      const events = await scene.store.auditEvents({ lease: id, limit: 9 });
      expect(events.map(({ action, outcome }) => `${action} ${outcome}`)).toEqual([
        'lease.settle permitted',
        'token.exchange permitted',
        'token.exchange permitted',
      ]);
    });

    it('loses nothing that was acknowledged and keeps nothing that was not: never a lease without its event, nor the reverse', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const acknowledged = await Promise.all(Array.from({ length: 30 }, () => scene.issue('run-1')));
      const pending = Array.from({ length: 30 }, () => scene.issue('run-1').catch(() => undefined));
      await scene.crash();
      await Promise.all(pending);
      const leases = (await scene.store.listLeases({ limit: 99 })).map(({ id }) => id).toSorted();
      const events = (await scene.store.auditEvents({ limit: 99 }))
        .flatMap(({ leaseId }) => leaseId ?? [])
        .toSorted();
      expect(leases).toEqual(events);
      expect(leases).toEqual(expect.arrayContaining(acknowledged.map(({ id }) => id)));
    });

    it('records a batch once, however often it comes, and another one of the same events again', async () => {
      const scene = await begin();
      // More than one script takes, in several trees, and some of none.
      const names = Array.from({ length: 260 }, (_, index) => ['run-1', 'run-2.a', ''][index % 3]!);
      const batch = (name: string) => ({ name, events: toldOf(names), knownForMs: MINUTE_MS });
      const first = batch('a');
      expect(await scene.store.recordBatch(first)).toBe(260);
      expect(first.events.every((event) => event.entry.concluded)).toBe(true);
      const recorded = async (): Promise<number> => {
        const calls = (await scene.store.auditEvents({ limit: 999 })).filter(
          ({ action }) => action === 'tool.call',
        );
        return new Set(calls.map(({ sequence }) => sequence)).size;
      };
      expect(await recorded()).toBe(260);
      const again = await Promise.all([
        scene.store.recordBatch(batch('a')),
        scene.store.recordBatch(batch('b')),
      ]);
      expect(again).toEqual([0, 260]);
      await scene.crash();
      expect(await scene.store.recordBatch(batch('b'))).toBe(0);
      expect(await recorded()).toBe(520);
      const ofTree = await scene.store.auditEvents({ task: 'run-2', limit: 999 });
      expect(ofTree).toHaveLength(2 * names.filter((name) => name === 'run-2.a').length);
      scene.clock.advance(MINUTE_MS);
      expect(await scene.store.recordBatch(batch('a'))).toBe(260);
    });

    it('is found by task tree, agent, lease and request, newest first', async () => {
      const scene = await begin();
      const record = async (facts: object): Promise<string> => {
        const written = entry('request', facts);
        await scene.store.record(written, { outcome: 'permitted' });
        return written.requestId;
      };
      const parent = await record({ taskId: 'run-4', principal: PLANNER });
      const child = await record({ taskId: 'run-4.a', principal: AGENT });
      const beside = await record({ taskId: 'run-42', principal: AGENT, leaseId: 'lease_x' });
      const found = async (query: object): Promise<string[]> =>
        (await scene.store.auditEvents({ limit: 9, ...query })).map(({ requestId }) => requestId);
      expect(await found({})).toEqual([beside, child, parent]);
      expect(await found({ task: 'run-4' })).toEqual([child, parent]);
      expect(await found({ agent: AGENT })).toEqual([beside, child]);
      expect(await found({ agent: AGENT, task: 'run-4' })).toEqual([child]);
      expect(await found({ lease: 'lease_x' })).toEqual([beside]);
      expect(await found({ request: child })).toEqual([child]);
    });

    it('comes a page at a time, backwards from the newest, and forwards from what is known', async () => {
      const { store } = await begin();
      for (let n = 0; n < 7; n++) await store.record(entry(), { outcome: 'permitted' });
      const sequences = async (query: object): Promise<number[]> =>
        (await store.auditEvents({ limit: 3, ...query })).map(({ sequence }) => sequence);
      const all = await sequences({ limit: 9 });
      expect(all).toEqual([...new Set(all)].toSorted((a, b) => b - a));
      expect(all).toHaveLength(7);
      expect(await sequences({})).toEqual(all.slice(0, 3));
      expect(await sequences({ before: all[2]! })).toEqual(all.slice(3, 6));
      expect(await sequences({ before: all[5]! })).toEqual(all.slice(6));
      expect(await sequences({ after: all[2]! })).toEqual(all.slice(0, 2));
      expect(await sequences({ after: all[0]! })).toEqual([]);
    });
  });
}

const newestLease = async ({ store }: Scene): Promise<LeaseId> =>
  (await store.listLeases({ limit: 1 }))[0]!.id;
