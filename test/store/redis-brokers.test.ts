// Several brokers on one Redis: what one does the others know, and what the store loses they give back.
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Holding } from '../../src/domain/tree-context.js';
import { ContextChanged, NO_CONTEXT } from '../../src/domain/tree-context.js';
import { openRedisStore } from '../../src/store/redis/redis-store.js';
import type { News, Store } from '../../src/store/store.js';
import { TERMS } from '../contract/store/harness.js';
import {
  AGENT,
  entry,
  granted,
  newTask,
  OPERATOR,
  OTHER_AGENT,
  PLANNER,
  reasonOf,
  select,
  signingKey,
  taskId,
  tokenRequest,
} from '../contract/store/scene.js';
import { hasRedis } from '../fixtures/redis/presence.js';
import { StandaloneRedis } from '../fixtures/redis/standalone.js';
import { until } from '../fixtures/until.js';
import { QUIET, redisOptions } from './redis-harness.js';

let redis: StandaloneRedis;
let here: Store;
let there: Store;

const broker = (): Promise<Store> => openRedisStore({ redis: redisOptions(redis), ...TERMS, log: QUIET });

beforeAll(async () => {
  if (hasRedis) redis = await StandaloneRedis.start();
});
afterAll(() => redis?.close());
beforeEach(async () => {
  if (!hasRedis) return;
  [here, there] = [await broker(), await broker()];
  granted(await here.openTask(newTask('run-1'), entry()));
});
afterEach(async () => {
  await here?.close();
  await there?.close();
  await redis?.flush();
});

const issue = (store: Store, overrides = {}) => store.issueLease(tokenRequest('run-1', overrides), entry());
const ask = (store: Store, n: number) => store.issueLease(tokenRequest(`job-${n % 20}`), entry());
const states = async (leases: Awaited<ReturnType<typeof ask>>[]) =>
  new Set(await Promise.all(leases.map(async (one) => (await there.readLease(granted(one).id))?.state)));
const killTool = (tool: string) => here.revoke({ select: select('tool', tool), by: OPERATOR }, entry());
const close = (store: Store) =>
  store.closeTask(taskId('run-1'), { outcome: 'completed', by: PLANNER }, entry());
const events = async (action: string) =>
  (await here.auditEvents({ limit: 200 })).filter((event) => event.action === action);

const CRM: Holding = 'data:confidential:crm';
const MAIL: Holding = 'tool:internal:mail';
const decidedBy = async (store: Store, holding: Holding = CRM) => {
  const { version } = await store.recallContext(taskId('run-1'));
  return issue(store, { decidedOn: { version, holding, principal: '{}' } });
};

/** What a broker leaves that died in the middle of killing an agent: with the cut-off, or before it was fixed. */
const leaveBehind = async (cutoff?: number) => {
  const { requestId } = entry('revocation.create');
  const intent = {
    since: Date.now() - 10_000,
    id: 'of-one-that-died',
    select: select('agent', AGENT),
    by: OPERATOR,
    requestId,
    quarantine: cutoff === undefined,
    facts: JSON.stringify({ requestId, action: 'revocation.create', detail: {} }),
  };
  const intents = 'mayfly:{s00}:intents';
  await redis.server.cli('HSET', intents, intent.id, JSON.stringify(intent));
  if (cutoff !== undefined) await redis.server.cli('HSET', intents, `${intent.id}:at`, String(cutoff));
  return requestId;
};

(hasRedis ? describe : describe.skip)('two brokers on one Redis', () => {
  test('refuse at once what the other has closed, though they remember the task as open', async () => {
    expect((await there.recallTask(taskId('run-1')))?.state).toBe('open');
    granted(await issue(there));
    await close(here);
    expect(reasonOf(await issue(there))).toBe('task_closed');
    await until(
      'the other has heard of it',
      async () => (await there.recallTask(taskId('run-1')))?.state === 'settled',
    );
  });

  test('decide on the context that they remember, and again where the other has changed it', async () => {
    const root = taskId('run-1');
    expect(await there.recallContext(root)).toEqual(NO_CONTEXT);
    granted(await decidedBy(here));
    granted(await decidedBy(here, MAIL));
    const context = { ...NO_CONTEXT, version: 2, held: [CRM, MAIL] };
    expect(await there.recallContext(root)).toEqual(NO_CONTEXT);
    expect(await decidedBy(there)).toEqual(new ContextChanged(context));
    expect(await there.recallContext(root)).toEqual(context);
    granted(await decidedBy(there));
    const signalled = granted(await here.signalTask(root, 'untrusted_content', 8, entry('task.signal')));
    expect(await here.recallContext(root)).toEqual(signalled.context);
    const { id } = granted(await issue(here));
    const renewal = {
      agent: AGENT,
      ttlMs: 1,
      policyDigest: 'p',
      decidedOn: { version: 2, holding: CRM, principal: '{}' },
    };
    expect(await there.renewLease(id, renewal, entry())).toEqual(new ContextChanged(signalled.context));
    expect(await there.recallContext(root)).toEqual(signalled.context);
  });

  test('have no context of a tree in memory any more that the store has lost', async () => {
    granted(await decidedBy(there));
    await redis.flush();
    granted(await there.openTask(newTask('run-1'), entry()));
    expect(await there.recallContext(taskId('run-1'))).toEqual(NO_CONTEXT);
    granted(await decidedBy(there));
  });

  test('hear of kills, closed tasks and signing keys of the other', async () => {
    const told: News[] = [];
    there.watch((news) => told.push(news));
    await here.revoke({ select: select('agent', AGENT), by: OPERATOR, quarantine: true }, entry());
    await close(here);
    await here.addSigningKey(signingKey('k', 1), entry('key.rotate'));
    await until('all is heard', () => told.length === 3);
    expect(told.map((news) => (news.kind === 'revocation' ? news.revocation.kind : news.kind))).toEqual([
      'agent',
      'task',
      'signing_keys',
    ]);
    expect(reasonOf(await issue(there))).toBe('task_closed');
    expect(await there.quarantines()).toMatchObject([{ agent: AGENT }]);
  });

  test('read anew what they missed while their subscription was broken, within moments', async () => {
    const told: News[] = [];
    there.watch((news) => told.push(news));
    // Redis does not publish to a subscriber that it has just cut off; the first kill falls into the gap.
    await redis.server.cli('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await killTool('crm');
    const listening = async () =>
      (await redis.server.cli('PUBSUB', 'SHARDNUMSUB', 'mayfly:{s00}:news')) as [string, number];
    await until('both listen again', async () => (await listening())[1] === 2);
    await killTool('mail');
    const heard = (name: string) =>
      told.some((news) => news.kind === 'revocation' && news.revocation.name === name);
    await until('both kills are known', () => heard('crm') && heard('mail'));
  });

  test('say until when they know everything: never past a kill of which the message was lost', async () => {
    const told: string[] = [];
    there.watch((news) => news.kind === 'revocation' && told.push(news.revocation.name));
    for (let n = 0; n < 8; n++) granted(await here.openTask(newTask(`job-${n}`), entry()));
    for (let n = 0; n < 8; n++) {
      // Whatever is said while nobody listens is lost.
      await redis.server.cli('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await here.closeTask(taskId(`job-${n}`), { outcome: 'completed', by: PLANNER }, entry());
      const at = await here.now();
      const { asOf } = await there.asOf();
      expect(told).toContain(`job-${n}`);
      expect(asOf).toBeGreaterThanOrEqual(at);
    }
  });

  test('hear what the other says, and not themselves', async () => {
    const heard: string[] = [];
    for (const [name, store] of Object.entries({ here, there }))
      store.watch((news) => news.kind === 'peer' && heard.push(`${name}: ${news.text}`));
    await here.tellPeers('one and two');
    await until('it is heard', () => heard.length > 0);
    await there.tellPeers('{"three":3}');
    await until('the answer is heard', () => heard.length > 1);
    expect(heard).toEqual(['there: one and two', 'here: {"three":3}']);
  });

  test('carry a kill out once, however often the same request says it', async () => {
    const written = entry('revocation.create');
    const kill = { select: select('agent', AGENT), by: OPERATOR };
    const first = await here.revoke(kill, written);
    const later = granted(await issue(there));
    expect(await here.revoke(kill, written)).toEqual(first);
    expect((await there.readLease(later.id))?.state).toBe('active');
    expect(await here.auditEvents({ request: written.requestId, limit: 9 })).toHaveLength(1);
  });

  test('see one order of time: what one has seen is not later than what the other does next', async () => {
    let last = 0;
    for (let n = 0; n < 40; n++) {
      const store = n % 2 === 0 ? here : there;
      const { issuedAt } = granted(await issue(store));
      expect(issuedAt).toBeGreaterThanOrEqual(last);
      last = issuedAt;
    }
  });

  test('kill with one cut-off: what either issued before the kill was answered is dead, what comes after lives', async () => {
    for (let n = 0; n < 20; n++) granted(await here.openTask(newTask(`job-${n}`), entry()));
    const before = await Promise.all(Array.from({ length: 40 }, (_, n) => ask(n % 2 ? here : there, n)));
    const racing = Array.from({ length: 40 }, (_, n) => ask(n % 2 ? here : there, n));
    const kill = await here.revoke({ select: select('agent', AGENT), by: OPERATOR }, entry());
    const after = await Promise.all(Array.from({ length: 40 }, (_, n) => ask(n % 2 ? here : there, n)));
    expect(await states(before)).toEqual(new Set(['revoked']));
    expect(await states(after)).toEqual(new Set(['active']));
    for (const one of await Promise.all(racing)) {
      const { id, issuedAt } = granted(one);
      expect((await there.readLease(id))?.state).toBe(issuedAt <= kill.cutoff ? 'revoked' : 'active');
    }
  });

  test('finish a kill that the other began and did not live to conclude', async () => {
    const lease = granted(await issue(here));
    const requestId = await leaveBehind();
    await Promise.all([here.sweep(100), there.sweep(100)]);
    expect((await there.readLease(lease.id))?.state).toBe('revoked');
    expect(reasonOf(await issue(here))).toBe('agent_quarantined');
    expect(await there.auditEvents({ request: requestId, limit: 9 })).toMatchObject([
      { outcome: 'permitted', detail: { select: `agent:${AGENT}` } },
    ]);
    expect(await redis.server.cli('EXISTS', 'mayfly:{s00}:intents')).toBe(0);
  });

  test('finish it with the cut-off that the other had fixed: what came later lives', async () => {
    const before = granted(await issue(here));
    const later = await until('a later millisecond', async () => {
      const lease = granted(await issue(here));
      return lease.issuedAt > before.issuedAt ? lease : undefined;
    });
    await leaveBehind(before.issuedAt);
    await there.sweep(100);
    expect((await here.readLease(before.id))?.state).toBe('revoked');
    expect((await here.readLease(later.id))?.state).toBe('active');
  });

  test('let a one-time token or proof in once, however often both are shown it at the same moment', async () => {
    for (let n = 0; n < 200; n++) {
      const shown = [here, there, there, here].map((store) => store.once(`jti-${n}`, Date.now() + 60_000));
      expect((await Promise.all(shown)).filter(Boolean)).toHaveLength(1);
    }
  });

  test('bind a tree to one instance, however often two are served at the same moment', async () => {
    for (let n = 0; n < 50; n++) {
      granted(await here.openTask(newTask(`job-${n}`), entry()));
      const asked = [here, there].map((store, at) =>
        store.issueLease(
          tokenRequest(`job-${n}`, { instance: `pod:${at}`, bindsInstance: 'of_agent' }),
          entry(),
        ),
      );
      expect((await Promise.all(asked)).map(reasonOf).toSorted()).toEqual([
        'instance_mismatch',
        'not refused',
      ]);
    }
  });

  test('share the sweeping: each thing that is due is done once, whoever comes first', async () => {
    for (let n = 0; n < 60; n++) granted(await here.openTask(newTask(`due-${n}`, { ttlMs: 1 }), entry()));
    await until('they are due', async () => (await here.now()) > 0);
    const swept = await Promise.all([here.sweep(100), there.sweep(100), here.sweep(100)]);
    const expired = swept.flatMap(({ expiredTasks }) => expiredTasks);
    expect(new Set(expired).size).toBe(expired.length);
    await until('all are closed', async () => (await events('task.expire')).length === 60);
  });
});

(hasRedis ? describe : describe.skip)('a store that lost what it had told', () => {
  test('by FLUSHALL, is given back every kill that some broker knows, before anything is issued', async () => {
    const { epoch } = await here.revocations();
    await close(here);
    await here.revoke({ select: select('agent', OTHER_AGENT), by: OPERATOR, quarantine: true }, entry());
    await here.revoke({ select: select('key', 'key-9'), by: OPERATOR }, entry());
    await until(
      'the other knows',
      async () => (await there.recallTask(taskId('run-1')))?.state === 'settled',
    );
    await here.close();

    await redis.flush();
    expect(reasonOf(await there.openTask(newTask('run-1'), entry()))).toBe('task_closed');
    granted(await there.openTask(newTask('run-2'), entry()));
    const asked = (overrides = {}) => there.issueLease(tokenRequest('run-2', overrides), entry());
    expect(reasonOf(await asked({ agent: OTHER_AGENT }))).toBe('agent_quarantined');
    expect(reasonOf(await asked({ keyId: 'key-9' }))).toBe('key_revoked');
    granted(await asked());
    const known = await there.revocations();
    expect(known.epoch).not.toBe(epoch);
    expect(known.entries.map(({ kind, name }) => `${kind}:${name}`).toSorted()).toEqual(
      [`agent:${OTHER_AGENT}`, 'key:key-9', 'task:run-1'].toSorted(),
    );
    here = await broker();
    expect(await events('store.recover')).toMatchObject([{ outcome: 'permitted', detail: { kills: 3 } }]);
  });

  test('by a backup that was put back under running brokers, kills once more what it revived', async () => {
    const lease = granted(await issue(here));
    const backup = join(redis.server.folder, 'backup');
    const data = join(redis.server.folder, 'appendonlydir');
    cpSync(data, backup, { recursive: true });
    await close(here);
    await until(
      'the other knows',
      async () => (await there.recallTask(taskId('run-1')))?.state === 'settled',
    );

    await redis.server.kill();
    rmSync(data, { recursive: true });
    cpSync(backup, data, { recursive: true });
    await redis.server.restart();
    // The server is back, and knows nothing of the closing. Whoever comes first finds it closed all the same.
    expect(reasonOf(await issue(there))).toBe('task_closed');
    expect((await there.readLease(lease.id))?.state).toBe('revoked');
    expect((await there.readTask(taskId('run-1')))?.closed).toMatchObject({ outcome: 'revoked' });
    rmSync(backup, { recursive: true });
  });

  test('without a new process or an empty slot, is noticed by where its log stands', async () => {
    const lease = granted(await issue(here));
    const keys = (await redis.server.cli('KEYS', 'mayfly:*')) as string[];
    for (const key of keys) await redis.server.cli('COPY', key, `kept:${key}`);
    await close(here);
    await until(
      'the other knows',
      async () => (await there.recallTask(taskId('run-1')))?.state === 'settled',
    );
    // All at once, or a broker would look in between.
    const putBack = keys.map((key) => `redis.call('COPY', 'kept:${key}', '${key}', 'REPLACE')`).join('\n');
    await redis.server.cli('EVAL', putBack, '0');
    expect(reasonOf(await issue(there))).toBe('task_closed');
    expect((await here.readLease(lease.id))?.state).toBe('revoked');
    expect(await events('store.recover')).not.toEqual([]);
  });

  test('is unwell while its server is away, and well again by itself', async () => {
    await redis.server.kill();
    expect(await here.ailment()).toMatch(/Redis/);
    await expect(issue(here)).rejects.toThrow(/Redis/);
    await redis.server.restart();
    await until('it is well', async () => (await here.ailment()) === undefined);
    granted(await issue(here));
  });
});
