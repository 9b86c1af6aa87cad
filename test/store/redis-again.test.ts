// A connection that breaks after Redis has carried out a transition: it is said again, and has happened once.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { AuditBatch } from '../../src/audit/entry.js';
import { sha256 } from '../../src/domain/digest.js';
import { Refusal } from '../../src/domain/refusal.js';
import { ContextChanged, NO_CONTEXT } from '../../src/domain/tree-context.js';
import { openRedisStore } from '../../src/store/redis/redis-store.js';
import type { Store } from '../../src/store/store.js';
import { SettableClock, TERMS } from '../contract/store/harness.js';
import {
  AGENT,
  entry,
  externalRequest,
  granted,
  newTask,
  OPERATOR,
  PLANNER,
  reasonOf,
  select,
  signingKey,
  taskId,
  tokenRequest,
} from '../contract/store/scene.js';
import { BrokenWire } from '../fixtures/redis/broken-wire.js';
import { hasRedis } from '../fixtures/redis/presence.js';
import { StandaloneRedis } from '../fixtures/redis/standalone.js';
import { QUIET, redisOptions } from './redis-harness.js';

let redis: StandaloneRedis;
let wire: BrokenWire;
let store: Store;
const clock = new SettableClock();

beforeAll(async () => {
  if (!hasRedis) return;
  redis = await StandaloneRedis.start();
  wire = await BrokenWire.start(redis.server.address);
});
afterAll(async () => {
  await wire?.close();
  await redis?.close();
});
beforeEach(async () => {
  if (!hasRedis) return;
  const servers = { mode: 'standalone', ...wire.address, database: 0 } as const;
  store = await openRedisStore({ redis: redisOptions(redis, { servers }), ...TERMS, clock, log: QUIET });
  granted(await store.openTask(newTask('run-1'), entry()));
});
afterEach(async () => {
  await store?.close();
  await redis?.flush();
});

type Call = (written: ReturnType<typeof entry>) => Promise<unknown>;
const lease = async () => granted(await store.issueLease(tokenRequest('run-1'), entry()));
const reserved = async () => granted(await store.reserveLease(externalRequest('run-1'), entry()));

const LISTED = tokenRequest('run-1', { listed: true });
const batchOf = (...entries: ReturnType<typeof entry>[]): AuditBatch => ({
  name: 'batch-1',
  events: entries.map((one) => ({ entry: one, conclusion: { outcome: 'permitted' } })),
  knownForMs: 60_000,
});

const decidedOn = { version: 0, holding: 'data:internal:crm', principal: '{}' } as const;

const TRANSITIONS: [string, (prepared: { token: string; external: string }) => Call][] = [
  ['an opening', () => (e) => store.openTask(newTask('run-2'), e)],
  [
    'an extension',
    () => (e) =>
      store.extendTask(taskId('run-1'), { deadline: clock.now() + 900_000, maxTtlMs: 3_600_000 }, e),
  ],
  ['a closing', () => (e) => store.closeTask(taskId('run-1'), { outcome: 'completed', by: PLANNER }, e)],
  ['an issuance', () => (e) => store.issueLease(tokenRequest('run-1'), e)],
  [
    'an issuance to the first instance',
    () => (e) => store.issueLease(tokenRequest('run-1', { instance: 'pod:1', bindsInstance: 'of_agent' }), e),
  ],
  [
    'an issuance that was decided on a context, which it changes',
    () => (e) => store.issueLease(tokenRequest('run-1', { basis: { principal: 'd' }, decidedOn }), e),
  ],
  [
    'a reservation that was decided on a context, which it changes',
    () => (e) => store.reserveLease(externalRequest('run-1', { decidedOn }), e),
  ],
  ['a signal', () => (e) => store.signalTask(taskId('run-1'), 'untrusted_content', 8, e)],
  ['a reservation', () => (e) => store.reserveLease(externalRequest('run-1'), e)],
  [
    'an activation',
    ({ external }) =>
      (e) =>
        store.activateLease(external as never, {}, e),
  ],
  [
    'an abandoned mint',
    ({ external }) =>
      (e) =>
        store.abandonLease(external as never, 'mint_failed', e),
  ],
  [
    'a renewal',
    ({ token }) =>
      (e) =>
        store.renewLease(
          token as never,
          {
            agent: AGENT,
            ttlMs: 400_000,
            policyDigest: 'p',
            decidedOn: { version: 0, holding: 'data:confidential:crm', principal: '{}' },
          },
          e,
        ),
  ],
  [
    'a release',
    ({ token }) =>
      (e) =>
        store.revoke({ select: select('lease', token), by: AGENT }, e),
  ],
  ['a kill of a task', () => (e) => store.revoke({ select: select('task', 'run-1'), by: OPERATOR }, e)],
  ['a kill of an agent', () => (e) => store.revoke({ select: select('agent', AGENT), by: OPERATOR }, e)],
  ['a new signing key', () => (e) => store.addSigningKey(signingKey('k', 5), e)],
  ['an issuance with an entry of a status list', () => (e) => store.issueLease(LISTED, e)],
  ['a batch of events', () => (e) => store.recordBatch(batchOf(e))],
  ['an event', () => (e) => store.record(e, { outcome: 'failed' })],
];

describe.each(TRANSITIONS)('%s whose answer was lost', (_name, prepare) => {
  (hasRedis ? test : test.skip)('is answered as if nothing had been, and is on record once', async () => {
    const call = prepare({ token: (await lease()).id, external: (await reserved()).id });
    const written = entry('request');
    const before = wire.swallowed;
    const leases = (await store.listLeases({ limit: 99 })).length;
    wire.swallowAnswerTo(written.requestId);
    const result = await call(written);
    expect(wire.swallowed).toBe(before + 1);
    expect(result).not.toBeInstanceOf(Refusal);
    expect(result).not.toBe(false);
    expect(result).not.toBeInstanceOf(ContextChanged);
    expect(written.concluded).toBe(true);
    expect(await store.auditEvents({ request: written.requestId, limit: 9 })).toHaveLength(1);
    const issued = /issuance|reservation/.test(_name) ? 1 : 0;
    expect(await store.listLeases({ limit: 99 })).toHaveLength(leases + issued);
  });
});

(hasRedis ? describe : describe.skip)('of a call whose answer was lost', () => {
  test('a refusal is said once more, and is on record once', async () => {
    const written = entry('request');
    wire.swallowAnswerTo(written.requestId);
    expect(reasonOf(await store.issueLease(tokenRequest('run-9'), written))).toBe('task_unknown');
    expect(await store.auditEvents({ request: written.requestId, limit: 9 })).toHaveLength(1);
  });

  test('a signal was added, and is there once', async () => {
    const written = entry('task.signal');
    wire.swallowAnswerTo(written.requestId);
    expect(await store.signalTask(taskId('run-1'), 'untrusted_content', 1, written)).toMatchObject({
      added: true,
      context: { version: 1, signals: ['untrusted_content'] },
    });
  });

  test('an issuance that changed the context leaves the broker with the context as it is now', async () => {
    const root = taskId('run-1');
    expect(await store.recallContext(root)).toEqual(NO_CONTEXT);
    const written = entry('request');
    wire.swallowAnswerTo(written.requestId);
    granted(await store.issueLease(tokenRequest('run-1', { decidedOn }), written));
    expect(await store.recallContext(root)).toEqual({ ...NO_CONTEXT, version: 1, held: [decidedOn.holding] });
  });

  test('a refusal counts once for its tree', async () => {
    const written = entry('request');
    written.refusalOf = taskId('run-1');
    wire.swallowAnswerTo(written.requestId);
    await store.record(written, { outcome: 'refused', reason: 'policy_denied' });
    expect(await store.readContext(taskId('run-1'))).toMatchObject({ version: 1, refusals: 1 });
  });

  test('the first use of a replay key stays the first', async () => {
    wire.swallowAnswerTo(sha256('jti-1'));
    expect(await store.once('jti-1', clock.now() + 60_000)).toBe(true);
    expect(await store.once('jti-1', clock.now() + 60_000)).toBe(false);
  });

  test('an issuance has the entry of a status list that it got at first, and no place is left out', async () => {
    const written = entry('request');
    wire.swallowAnswerTo(written.requestId);
    const { id, status } = granted(await store.issueLease(LISTED, written));
    expect((await store.readLease(id))?.status).toEqual(status);
    const next = granted(await store.issueLease(LISTED, entry())).status;
    expect(next).toEqual({ list: status!.list, index: status!.index + 1 });
  });

  test('a batch that was recorded tells how many it has recorded', async () => {
    const written = entry('tool.call');
    wire.swallowAnswerTo(written.requestId);
    expect(await store.recordBatch(batchOf(written, entry('tool.call')))).toBe(2);
  });

  test('a lifted quarantine is lifted', async () => {
    await store.revoke({ select: select('agent', AGENT), by: OPERATOR, quarantine: true }, entry());
    const written = entry('request');
    wire.swallowAnswerTo(written.requestId);
    expect(await store.liftQuarantine(AGENT, written)).toMatchObject({ agent: AGENT });
    expect(await store.quarantines()).toEqual([]);
  });

  test.each(['retry', 'force'] as const)(
    'what was done about an irrevocable lease is done: %s',
    async (how) => {
      const { id } = granted(await store.activateLease((await reserved()).id, {}, entry()));
      await store.closeTask(taskId('run-1'), { outcome: 'completed', by: PLANNER }, entry());
      await store.sweep(10);
      const [claimed] = await store.claimDue(10, 60_000);
      await store.settle(id, claimed!.claim, { kind: 'irrevocable', error: 'gone' });
      const written = entry(`lease.${how}`);
      wire.swallowAnswerTo(written.requestId);
      const changed =
        how === 'retry'
          ? await store.retryLease(id, written)
          : await store.forceLease(id, { by: OPERATOR, reason: 'seen' }, written);
      expect(granted(changed).state).toBe(how === 'retry' ? 'revoking' : 'revoked');
      expect(await store.auditEvents({ request: written.requestId, limit: 9 })).toHaveLength(1);
      expect(await store.countIrrevocable()).toBe(0);
    },
  );

  test('a settlement counts once, and is true', async () => {
    const { id } = granted(await store.activateLease((await reserved()).id, {}, entry()));
    await store.closeTask(taskId('run-1'), { outcome: 'completed', by: PLANNER }, entry());
    await store.sweep(10);
    const [claimed] = await store.claimDue(10, 60_000);
    wire.swallowAnswerTo(claimed!.claim);
    expect(await store.settle(id, claimed!.claim, { kind: 'confirmed' })).toBe(true);
    expect((await store.readLease(id))?.state).toBe('revoked');
    expect((await store.readTask(taskId('run-1')))?.state).toBe('settled');
  });
});

const callOf = (task: string) => entry('tool.call', { taskId: taskId(task) });

(hasRedis ? test : test.skip)(
  'a server that has forgotten everything gives no place of a status list again',
  async () => {
    const listed = async (): Promise<unknown> => granted(await store.issueLease(LISTED, entry())).status;
    const before = await listed();
    await redis.flush();
    granted(await store.openTask(newTask('run-1'), entry()));
    expect(await listed()).not.toEqual(before);
  },
);

(hasRedis ? test : test.skip)(
  'a batch that is on record in part, as some slots were not to be had, is completed by sending it again',
  async () => {
    const reached = ['run-1', 'run-1.a', 'run-1'];
    const others = ['run-2', 'run-3'];
    expect(await store.recordBatch(batchOf(...reached.map(callOf)))).toBe(3);
    expect(await store.recordBatch(batchOf(...[...others, ...reached].map(callOf)))).toBe(2);
    const recorded = (await store.auditEvents({ limit: 99 })).filter(({ action }) => action === 'tool.call');
    expect(new Set(recorded.map(({ taskId: task }) => task))).toEqual(new Set([...reached, ...others]));
    expect(recorded).toHaveLength(5);
  },
);

(hasRedis ? test : test.skip).each([
  ['who the server is', '\r\nserver\r\n'],
  ['what it is', 'DRYRUN'],
  ['what time it is', '\r\ntime\r\n'],
  ['which schema it has', ':schema'],
])(
  'a connection that breaks as a store opens, just as it is asked %s, is made anew and asked again: a failover may be under way',
  async (_what, marker) => {
    const { swallowed } = wire;
    wire.swallowAnswerTo(marker);
    const servers = { mode: 'standalone', ...wire.address, database: 0 } as const;
    const terms = { ...TERMS, clock, log: QUIET };
    const again = await openRedisStore({ redis: redisOptions(redis, { servers }), ...terms });
    expect(wire.swallowed).toBe(swallowed + 1);
    expect((await again.readTask(taskId('run-1')))?.state).toBe('open');
    await again.close();
  },
);
