// Limits on what is asked for: how often, how many at a time; what a refused caller sees; and when there is room again.
import { afterEach, describe, expect, test } from '@jest/globals';
import { SettableClock } from '../contract/store/harness.js';
import type { Reply } from '../fixtures/broker-client.js';
import { TestBroker } from '../fixtures/broker.js';
import { GENEROUS } from '../fixtures/broker-configuration.js';
import { until } from '../fixtures/until.js';

let broker: TestBroker;
afterEach(() => broker.stop());

const limited = (limits: object) => ({ limits: { ...GENEROUS, summary_every: '1s', ...limits } });
const start = async (limits: object): Promise<void> => {
  broker = await TestBroker.start({ terms: limited(limits) });
};
const asked = { task_id: 'run-1', audience: 'crm' };
const retryAfter = ({ headers }: Reply<unknown>): number => Number(headers.get('retry-after'));
const statuses = (replies: readonly Reply<unknown>[]): Record<number, number> => {
  const counts: Record<number, number> = {};
  for (const { status } of replies) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
};

/** The summary of what was refused, once it is written. */
const summaries = (limit: string) =>
  until(`a summary of ${limit}`, async () => {
    const events = await broker.audit({});
    const found = events.filter(
      ({ action, detail }) => action === 'request.limited' && detail['limit'] === limit,
    );
    return found.length > 0 ? found : undefined;
  });

describe('how often a principal may ask', () => {
  const RATE = { requests_per_principal: { per_second: 2, burst: 3 } };

  test('a burst passes; then it is 429 in the dialect of the route, and a truthful Retry-After', async () => {
    await start(RATE);
    await broker.openTask({ id: 'run-1' });
    const replies = [];
    for (let n = 0; n < 4; n++) replies.push(await broker.exchange('agent-1', asked));
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 429]);
    expect(replies[3]!.body.error).toBe('temporarily_unavailable');
    expect(retryAfter(replies[3]!)).toBe(1);

    const listed = await broker.get('/v1/leases', 'agent-1');
    expect(listed.status).toBe(429);
    expect(listed.body.type).toBe('urn:mayfly:problem:rate-limited');
    // Nobody else pays for it.
    expect((await broker.exchange('agent-2', asked)).status).toBe(200);
    const began = performance.now();
    await until('there is one again', async () => (await broker.exchange('agent-1', asked)).status === 200);
    expect(performance.now() - began).toBeLessThan(1000 * retryAfter(listed) + 500);
  });

  test('a thousand addresses make no more of one principal', async () => {
    await start({ requests_per_principal: { per_second: 0.01, burst: 5 } });
    await broker.openTask({ id: 'run-1' });
    const callers = Array.from({ length: 1000 }, (_, n) => broker.from(`127.0.${2 + (n >> 8)}.${n & 255}`));
    const replies = await Promise.all(callers.map((caller) => caller.exchange('agent-1', asked)));
    expect(statuses(replies)).toEqual({ 200: 5, 429: 995 });
  });

  test('it is told in summary: by whom, how many, and when', async () => {
    await start({ requests_per_principal: { per_second: 0.01, burst: 1 } });
    await broker.openTask({ id: 'run-1' });
    const replies = [];
    for (let n = 0; n < 20; n++) replies.push(await broker.exchange('agent-1', asked));
    broker.configure(limited({}));
    await broker.live.reload();
    const [summary, ...more] = await summaries('requests_per_principal');
    expect(more).toEqual([]);
    expect(summary).toMatchObject({
      principal: 'cluster/agent-1',
      outcome: 'refused',
      reason: 'rate_limited',
      detail: { count: 19, reasons: { rate_limited: 19 }, address: '127.0.0.1' },
    });
    expect(summary!.request_id).toBe(replies[1]!.headers.get('x-request-id'));
    const exchanges = (await broker.audit({ agent: 'cluster/agent-1' })).filter(
      ({ action }) => action === 'token.exchange',
    );
    expect(exchanges.map(({ outcome }) => outcome)).toEqual(['permitted']);
  });

  test('another limit is in force as soon as the configuration is reloaded, and known callers stay known', async () => {
    await start({ requests_per_principal: { per_second: 0.01, burst: 1 } });
    await broker.openTask({ id: 'run-1' });
    expect((await broker.openTask({ id: 'run-2' })).status).toBe(429);
    broker.configure(limited({ requests_per_principal: 'off' }));
    expect(await broker.live.reload()).toMatchObject({ swapped: true, changed: ['limits'] });
    expect((await broker.openTask({ id: 'run-2' })).status).toBe(201);
  });
});

const exchanges = (agents: readonly string[]) =>
  Promise.all(agents.map((agent) => broker.exchange(agent, asked)));
const isAdmitted = async (agent = 'agent-1'): Promise<boolean> =>
  (await broker.exchange(agent, asked)).status === 200;

const inTask = (id: string) => broker.exchange('agent-1', { ...asked, task_id: id });

describe('how many leases may live', () => {
  test.each([
    ['of a task', { live_leases_per_task: 10 }, (n: number) => `agent-${n % 7}`],
    ['of an agent', { live_leases_per_agent: 10 }, () => 'agent-1'],
  ])('%s: of 100 who come at the same time exactly 10', async (_of, limits, agent) => {
    await start(limits);
    await broker.openTask({ id: 'run-1' });
    const replies = await exchanges(Array.from({ length: 100 }, (_, n) => agent(n)));
    expect(statuses(replies)).toEqual({ 200: 10, 429: 90 });
    const refused = replies.find(({ status }) => status === 429)!;
    expect(refused.body.error).toBe('temporarily_unavailable');
    // The next of them ends by itself when its five minutes are over, and no sooner.
    expect(retryAfter(refused)).toBeGreaterThan(290);
    expect(retryAfter(refused)).toBeLessThanOrEqual(338);
    const { leases } = (await broker.get<{ leases: { state: string }[] }>('/v1/leases', 'operator')).body;
    expect(leases.filter(({ state }) => state === 'active')).toHaveLength(10);
    const [summary] = await summaries(Object.keys(limits)[0]!);
    expect(summary).toMatchObject({ reason: 'too_many_leases' });
  });

  test('one agent in many tasks is one agent, and another agent has a limit of its own', async () => {
    await start({ live_leases_per_agent: 2 });
    for (const id of ['run-1', 'run-2', 'run-3']) await broker.openTask({ id });
    expect((await inTask('run-1')).status).toBe(200);
    expect((await inTask('run-2')).status).toBe(200);
    expect((await inTask('run-3')).status).toBe(429);
    expect(await isAdmitted('agent-2')).toBe(true);
  });

  test('a renewal needs no place, and its lease keeps the one that it has', async () => {
    await start({ live_leases_per_agent: 1 });
    await broker.openTask({ id: 'run-1' });
    const { lease_id: lease } = await broker.credential('agent-1', { ...asked, requested_expiry: '1' });
    const firstEndsAt = performance.now() + 1000;
    expect((await broker.renew(lease, 'agent-1')).status).toBe(200);
    await until('its first life is over', () => performance.now() > firstEndsAt);
    expect(await isAdmitted()).toBe(false);
    expect((await broker.renew(lease, 'agent-1')).status).toBe(200);
  });

  const ENDINGS: [string, (lease: string) => Promise<unknown>][] = [
    ['it is released', (lease) => broker.release(lease, 'agent-1')],
    ['an operator kills it', (lease) => broker.kill({ lease })],
    ['an operator kills the agent', () => broker.kill({ agent: 'cluster/agent-1' })],
    ['its task is completed', () => broker.complete('run-0')],
  ];
  test.each(ENDINGS)('there is room at once when %s', async (_how, end) => {
    await start({ live_leases_per_agent: 1 });
    for (const id of ['run-0', 'run-1']) await broker.openTask({ id });
    const { lease_id: lease } = await broker.credential('agent-1', { ...asked, task_id: 'run-0' });
    expect(await isAdmitted()).toBe(false);
    await end(lease);
    const since = performance.now();
    await until('there is room', () => isAdmitted());
    expect(performance.now() - since).toBeLessThan(1000);
  });

  test('there is room when one has run out', async () => {
    await start({ live_leases_per_agent: 1 });
    await broker.openTask({ id: 'run-1' });
    await broker.credential('agent-1', { ...asked, requested_expiry: '2' });
    const refused = await broker.exchange('agent-1', asked);
    expect(refused.status).toBe(429);
    expect(retryAfter(refused)).toBeLessThanOrEqual(3);
    const since = performance.now();
    await until('there is room', () => isAdmitted());
    expect(performance.now() - since).toBeLessThan(4000);
  });

  test('a lease that is released many times at once leaves one place', async () => {
    await start({ live_leases_per_agent: 3 });
    await broker.openTask({ id: 'run-1' });
    const leases: string[] = [];
    for (let n = 0; n < 3; n++) leases.push((await broker.credential('agent-1', asked)).lease_id);
    await Promise.all(Array.from({ length: 50 }, () => broker.release(leases[0]!, 'agent-1')));
    expect(statuses(await exchanges(Array<string>(20).fill('agent-1')))).toEqual({ 200: 1, 429: 19 });
  });

  test('a broker that is started anew counts what lived before', async () => {
    await start({ live_leases_per_agent: 2, live_leases_per_task: 3 });
    await broker.openTask({ id: 'run-1' });
    for (const agent of ['agent-1', 'agent-1', 'agent-2']) await broker.credential(agent, asked);
    broker = await broker.restart({ terms: limited({ live_leases_per_agent: 2, live_leases_per_task: 3 }) });
    expect([await isAdmitted('agent-1'), await isAdmitted('agent-2')]).toEqual([false, false]);
  });

  test('a limit that is lowered, raised or switched on by reload counts all there is', async () => {
    await start({ live_leases_per_agent: 'off' });
    await broker.openTask({ id: 'run-1' });
    for (let n = 0; n < 4; n++) await broker.credential('agent-1', asked);
    const reload = async (limit: number | 'off') => {
      broker.configure(limited({ live_leases_per_agent: limit }));
      await broker.live.reload();
      return isAdmitted();
    };
    expect(await reload(4)).toBe(false);
    expect(await reload(5)).toBe(true);
    expect(await reload(2)).toBe(false);
    expect(await reload('off')).toBe(true);
  });

  test('who may not have the credential at all is told nothing of limits', async () => {
    await start({ live_leases_per_task: 1 });
    await broker.openTask({ id: 'run-1', agents: ['cluster/agent-1'] });
    await broker.credential('agent-1', asked);
    expect((await broker.exchange('agent-1', asked)).status).toBe(429);
    expect((await broker.exchange('agent-2', asked)).body.error).toBe('invalid_target');
  });
});

const opened = async (id: string, as = 'planner'): Promise<number> =>
  (await broker.openTask({ id }, as)).status;

describe('how many tasks may be open', () => {
  test('of one orchestrator, of many asked for at the same time exactly as many as may be', async () => {
    await start({ open_tasks_per_orchestrator: 10 });
    const replies = await Promise.all(
      Array.from({ length: 50 }, (_, n) => broker.openTask({ id: `run-${n}` })),
    );
    expect(statuses(replies)).toEqual({ 201: 10, 429: 40 });
    const refused = replies.find(({ status }) => status === 429)!;
    expect(refused.body.type).toBe('urn:mayfly:problem:rate-limited');
    expect(retryAfter(refused)).toBeGreaterThan(590);
    expect(await opened('theirs', 'planner-2')).toBe(201);
    expect((await summaries('open_tasks_per_orchestrator'))[0]).toMatchObject({
      reason: 'too_many_tasks',
      principal: 'cluster/planner',
    });
  });

  test('one that is open is given again, however many are', async () => {
    await start({ open_tasks_per_orchestrator: 1 });
    expect([await opened('run-1'), await opened('run-1'), await opened('run-2')]).toEqual([201, 200, 429]);
  });

  test('there is room at once when one was completed, however often, or killed', async () => {
    await start({ open_tasks_per_orchestrator: 2 });
    expect([await opened('run-1'), await opened('run-2'), await opened('run-3')]).toEqual([201, 201, 429]);
    await Promise.all(Array.from({ length: 10 }, () => broker.complete('run-1')));
    expect([await opened('run-3'), await opened('run-4')]).toEqual([201, 429]);
    await broker.kill({ task: 'run-2' });
    await until('there is room', async () => (await opened('run-4')) === 201, { withinMs: 1000 });
  });

  test('there is room when one has passed its deadline', async () => {
    await start({ open_tasks_per_orchestrator: 1 });
    await broker.openTask({ id: 'run-1', ttl: '3s' });
    expect(await opened('run-2')).toBe(429);
    await until('there is room', async () => (await opened('run-2')) === 201, { withinMs: 5000 });
  });

  test('in one tree, and its neighbours have room of their own', async () => {
    await start({ open_tasks_per_tree: 3 });
    await broker.openTask({ id: 'run-1' });
    const child = (name: string) => broker.openTask({ id: `run-1.${name}`, parent: 'run-1' });
    const replies = [await child('a'), await child('b'), await child('c')];
    expect(replies.map(({ status }) => status)).toEqual([201, 201, 429]);
    expect(retryAfter(replies[2]!)).toBe(1);
    expect(await broker.auditOf(replies[2]!)).toMatchObject([
      { outcome: 'refused', reason: 'too_many_children' },
    ]);
    expect(await opened('run-2')).toBe(201);
    await broker.complete('run-1.a');
    expect((await child('c')).status).toBe(201);
  });
});

describe('when the clock jumps', () => {
  test('ahead, a rate lets nobody through for it', async () => {
    const clock = new SettableClock();
    const limits = limited({ requests_per_principal: { per_second: 0.01, burst: 1 } });
    broker = await TestBroker.start({ clock, terms: limits });
    expect((await broker.openTask({ id: 'run-1' })).status).toBe(201);
    clock.advance(600_000);
    expect((await broker.openTask({ id: 'run-2' })).status).toBe(429);
  });

  test('ahead, past the end of leases, there is room; back, nothing is counted less', async () => {
    const clock = new SettableClock();
    broker = await TestBroker.start({ clock, terms: limited({ live_leases_per_agent: 2 }) });
    await broker.openTask({ id: 'run-1', ttl: '1h' });
    for (let n = 0; n < 2; n++) await broker.credential('agent-1', asked);
    clock.advance(-60_000);
    expect((await broker.exchange('agent-1', asked)).status).toBe(429);
    clock.advance(420_000);
    const since = performance.now();
    await until('there is room', async () => (await broker.exchange('agent-1', asked)).status === 200);
    expect(performance.now() - since).toBeLessThan(2000);
    expect((await broker.exchange('agent-1', asked)).status).toBe(200);
    expect((await broker.exchange('agent-1', asked)).status).toBe(429);
  });
});
