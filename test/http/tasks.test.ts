// Tasks over HTTP: opened once, extended within bounds, seen by those whom they concern, and closed for good.
import type { TaskView } from '../../src/wire/tasks.js';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { TaskList } from '../../src/wire/tasks.js';
import { SettableClock } from '../contract/store/harness.js';
import { TestBroker } from '../fixtures/broker.js';
import { TASK } from '../fixtures/broker-client.js';
import { until } from '../fixtures/until.js';

const clock = new SettableClock();
let broker: TestBroker;
beforeAll(async () => {
  broker = await TestBroker.start({ clock, terms: { tasks: { max_ttl: '1h' } } });
});
afterAll(() => broker.stop());

const NO_LEASES = { reserved: 0, active: 0, revoking: 0, revoked: 0, expired: 0, irrevocable: 0 };
const at = (ms: number): string => new Date(ms).toISOString();

describe('opening', () => {
  test('answers with the task, and where it is', async () => {
    const { status, body, headers } = await broker.openTask({ id: 'run-1', labels: { team: 'post' } });
    expect(status).toBe(201);
    expect(headers.get('location')).toBe('/v1/tasks/run-1');
    expect(body).toEqual({
      id: 'run-1',
      state: 'open',
      purpose: TASK.purpose,
      orchestrator: 'cluster/planner',
      agents: TASK.agents,
      tools: TASK.tools,
      labels: { team: 'post' },
      opened_at: at(clock.now()),
      deadline: at(clock.now() + 600_000),
      leases: NO_LEASES,
    });
    expect((await broker.get('/v1/tasks/run-1', 'planner')).body).toEqual(body);
  });

  test('the same body again is the same task; another body, or somebody else, is a conflict', async () => {
    const first = await broker.openTask({ id: 'run-twice' });
    clock.advance(5000);
    const again = await broker.openTask({ id: 'run-twice' });
    expect([first.status, again.status]).toEqual([201, 200]);
    expect(again.body).toEqual(first.body);
    const other = await broker.openTask({ id: 'run-twice', purpose: 'something else' });
    expect([other.status, other.body.type]).toEqual([409, 'urn:mayfly:problem:conflict']);
    expect((await broker.openTask({ id: 'run-twice' }, 'planner-2')).status).toBe(409);
    expect((await broker.get('/v1/tasks/run-twice', 'planner')).body).toEqual(first.body);
  });

  test('two at once with one id and one body open one task', async () => {
    const replies = await Promise.all(Array.from({ length: 8 }, () => broker.openTask({ id: 'run-race' })));
    expect(replies.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(7);
  });

  test('without an id the broker makes one, a new one each time', async () => {
    const [one, other] = [await broker.openTask(), await broker.openTask()];
    expect(one.body.id).toMatch(/^task-[0-9a-z]{16}$/);
    expect(other.body.id).not.toBe(one.body.id);
  });

  test('a role that reaches some roots only opens no others, nor below them', async () => {
    expect((await broker.openTask({ id: 'run-mine' }, 'planner-runs')).status).toBe(201);
    const other = await broker.openTask({ id: 'job-1' }, 'planner-runs');
    expect([other.status, other.body.type]).toEqual([403, 'urn:mayfly:problem:forbidden']);
    expect((await broker.openTask({}, 'planner-runs')).status).toBe(403);
  });

  test.each([
    ['longer than a task may last', { ttl: '61m' }, 400, 'ttl-exceeded'],
    [
      'a tool that is not in the catalogue',
      { tools: [{ tool: 'none', actions: ['read'] }] },
      403,
      'forbidden',
    ],
    [
      'an action that its tool does not have',
      { tools: [{ tool: 'crm', actions: ['fly'] }] },
      403,
      'forbidden',
    ],
    ['a tool twice', { tools: [TASK.tools[0], TASK.tools[0]] }, 400, 'malformed'],
    ['a dot without a parent', { id: 'run-1.child' }, 400, 'malformed'],
  ])('not for %s', async (_what, body, status, problem) => {
    const reply = await broker.openTask({ id: 'run-refused', ...body });
    expect([reply.status, reply.body.type]).toEqual([status, `urn:mayfly:problem:${problem}`]);
  });
});

describe('a child', () => {
  beforeAll(async () => {
    const tools = [{ tool: 'crm', actions: ['read'], resources: ['customers/*'] }];
    await broker.openTask({ id: 'tree', agents: ['cluster/agent-1*'], tools, ttl: '10m' });
  });

  const child = { id: 'tree.a', parent: 'tree', agents: ['cluster/agent-11'] };
  const within = { tool: 'crm', actions: ['read'], resources: ['customers/42'] };

  test('lives within its parent, and never longer', async () => {
    clock.advance(60_000);
    const { status, body } = await broker.openTask({ ...child, tools: [within], ttl: '30m' });
    const parent = (await broker.get<{ deadline: string }>('/v1/tasks/tree', 'planner')).body;
    expect([status, body.parent, body.deadline]).toEqual([201, 'tree', parent.deadline]);
  });

  test('gets a name below its parent where it has none', async () => {
    const { body } = await broker.openTask({ parent: 'tree', agents: ['cluster/agent-11'], tools: [within] });
    expect(body.id).toMatch(/^tree\.task-[0-9a-z]{16}$/);
  });

  test.each([
    ['another agent', { agents: ['cluster/agent-2'] }, 403, 'exceeds-parent'],
    ['a wider glob of agents', { agents: ['cluster/agent-*'] }, 403, 'exceeds-parent'],
    ['another tool', { tools: [{ tool: 'search', actions: ['query'] }] }, 403, 'exceeds-parent'],
    ['another action', { tools: [{ ...within, actions: ['write'] }] }, 403, 'exceeds-parent'],
    ['other resources', { tools: [{ ...within, resources: ['*'] }] }, 403, 'exceeds-parent'],
    ['all resources', { tools: [{ tool: 'crm', actions: ['read'] }] }, 403, 'exceeds-parent'],
    ['a name that is not below its parent', { id: 'other.a' }, 400, 'malformed'],
    ['a name two levels below its parent', { id: 'tree.x.y' }, 400, 'malformed'],
    ['a parent that is not there', { id: 'none.a', parent: 'none' }, 404, 'not-found'],
  ])('is not opened with %s', async (_what, body, status, problem) => {
    const reply = await broker.openTask({ ...child, id: 'tree.refused', tools: [within], ...body });
    expect([reply.status, reply.body.type]).toEqual([status, `urn:mayfly:problem:${problem}`]);
  });

  test("is not opened below somebody else's task, which looks as if it were not there", async () => {
    const foreign = await broker.openTask({ ...child, id: 'tree.foreign', tools: [within] }, 'planner-2');
    const absent = await broker.openTask(
      { ...child, id: 'none.a', parent: 'none', tools: [within] },
      'planner-2',
    );
    expect([foreign.status, foreign.body.title]).toEqual([404, absent.body.title]);
  });

  test('is closed with its parent, and so is everything below it', async () => {
    await broker.openTask({ id: 'tall', ttl: '9m' });
    await broker.openTask({ id: 'tall.a', parent: 'tall', ttl: '9m' });
    await broker.openTask({ id: 'tall.a.b', parent: 'tall.a', ttl: '9m' });
    await broker.openTask({ id: 'taller' });
    const { access_token: token } = await broker.credential('agent-1', {
      task_id: 'tall.a.b',
      audience: 'crm',
    });
    expect((await broker.introspect(token)).active).toBe(true);

    await broker.complete('tall.a');
    expect((await broker.introspect(token)).active).toBe(false);
    expect((await broker.get('/v1/tasks/tall', 'planner')).body['state']).toBe('open');
    await broker.complete('tall');
    const outcomes = ['tall', 'tall.a', 'tall.a.b', 'taller'].map(
      async (id) => (await broker.get(`/v1/tasks/${id}`, 'planner')).body['outcome'],
    );
    expect(await Promise.all(outcomes)).toEqual(['completed', 'completed', 'cancelled', undefined]);
    const late = await broker.openTask({ id: 'tall.late', parent: 'tall' });
    expect([late.status, late.body.type]).toEqual([409, 'urn:mayfly:problem:task-closed']);
    expect((await broker.exchange('agent-1', { task_id: 'tall.a.b', audience: 'crm' })).body.error).toBe(
      'invalid_target',
    );
  });
});

const list = async (query: string, as = 'planner-2'): Promise<TaskList> =>
  (await broker.get<TaskList>(`/v1/tasks?${query}`, as)).body;
const ids = ({ tasks }: TaskList): string[] => tasks.map(({ id }) => id);

describe('listing', () => {
  beforeAll(async () => {
    for (const id of ['list-1', 'list-2', 'list-3']) {
      clock.advance(1000);
      await broker.openTask({ id }, 'planner-2');
    }
    clock.advance(1000);
    await broker.openTask({ id: 'list-1.a', parent: 'list-1' }, 'planner-2');
    await broker.complete('list-2', 'planner-2');
  });

  test('newest first, and only those of the orchestrator who asks', async () => {
    expect(ids(await list(''))).toEqual(['list-1.a', 'list-3', 'list-2', 'list-1']);
  });

  test('operators and auditors see everybody’s', async () => {
    for (const as of ['operator', 'auditor']) {
      expect(ids(await list('limit=200', as))).toEqual(expect.arrayContaining(['list-1', 'run-1']));
    }
  });

  test('by state and by tree', async () => {
    expect(ids(await list('state=open'))).toEqual(['list-1.a', 'list-3', 'list-1']);
    expect(ids(await list('state=settled'))).toEqual(['list-2']);
    expect(ids(await list('tree=list-1'))).toEqual(['list-1.a', 'list-1']);
  });

  test('a page behind a task of somebody else is as empty as one behind none (invariant 8)', async () => {
    await broker.openTask({ id: 'of-planner' });
    const [foreign, none] = await Promise.all([list('after=of-planner'), list('after=no-such')]);
    expect([foreign, none]).toEqual([{ tasks: [] }, { tasks: [] }]);
  });

  test('in pages that neither leave out nor repeat', async () => {
    const first = await list('limit=2');
    const second = await list(`limit=2&after=${first.next}`);
    expect([ids(first), ids(second)]).toEqual([
      ['list-1.a', 'list-3'],
      ['list-2', 'list-1'],
    ]);
    const third = await list(`limit=2&after=${second.next ?? 'none'}`);
    expect([ids(third), third.next]).toEqual([[], undefined]);
  });
});

describe('extending', () => {
  test('gives more time, and no more than a task may last', async () => {
    const { body: opened } = await broker.openTask({ id: 'longer', ttl: '5m' });
    clock.advance(60_000);
    const { status, body } = await broker.post<typeof opened>('/v1/tasks/longer/extend', 'planner', {
      ttl: '10m',
    });
    expect([status, body.deadline]).toEqual([200, at(clock.now() + 600_000)]);
    const deadline = at(Date.parse(opened.opened_at) + 3_600_000);
    expect((await broker.post('/v1/tasks/longer/extend', 'planner', { deadline })).body['deadline']).toBe(
      deadline,
    );
    const beyond = await broker.post('/v1/tasks/longer/extend', 'planner', { ttl: '2h' });
    expect([beyond.status, beyond.body.type]).toEqual([400, 'urn:mayfly:problem:ttl-exceeded']);
    const back = await broker.post('/v1/tasks/longer/extend', 'planner', { ttl: '1m' });
    expect([back.status, back.body.type]).toEqual([400, 'urn:mayfly:problem:deadline-not-later']);
  });

  test('a child’s deadline stays within its parent’s', async () => {
    const { body: parent } = await broker.openTask({ id: 'bound', ttl: '10m' });
    await broker.openTask({ id: 'bound.a', parent: 'bound', ttl: '5m' });
    const { body } = await broker.post('/v1/tasks/bound.a/extend', 'planner', { ttl: '30m' });
    expect(body['deadline']).toBe(parent.deadline);
  });

  test('no task comes back from the dead', async () => {
    await broker.openTask({ id: 'over' });
    await broker.complete('over');
    expect((await broker.post('/v1/tasks/over/extend', 'planner', { ttl: '20m' })).status).toBe(409);
  });
});

describe('completing', () => {
  test('kills what was handed out, and says so in the counts', async () => {
    await broker.openTask({ id: 'done' });
    const tokens = await Promise.all(
      ['crm', 'search', 'crm'].map((audience) => broker.credential('agent-1', { task_id: 'done', audience })),
    );
    await broker.release(tokens[0]!.lease_id, 'agent-1');
    const { status, body } = await broker.complete('done', 'planner', {
      outcome: 'failed',
      reason: 'no letter',
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      state: 'settled',
      outcome: 'failed',
      reason: 'no letter',
      closed_by: 'cluster/planner',
    });
    const seen = await broker.get<TaskView>('/v1/tasks/done', 'planner');
    expect(seen.body.leases).toEqual({ ...NO_LEASES, revoked: 3 });
    for (const { access_token: token } of tokens)
      expect(await broker.introspect(token)).toEqual({ active: false });
  });

  test('is idempotent: the first closing stands, whoever asks again and however', async () => {
    await broker.openTask({ id: 'once' });
    const first = await broker.complete('once');
    clock.advance(5000);
    const again = await broker.complete('once', 'operator', { outcome: 'cancelled', reason: 'too late' });
    expect([again.status, again.body]).toEqual([200, first.body]);
  });

  test('waits for `settled` where it is asked to', async () => {
    await broker.openTask({ id: 'waited' });
    const { body } = await broker.post('/v1/tasks/waited/complete?wait=5s', 'planner');
    expect(body['state']).toBe('settled');
  });

  test('the id of a closed task cannot be used again', async () => {
    expect((await broker.openTask({ id: 'once', purpose: 'another' })).status).toBe(409);
    const same = await broker.openTask({ id: 'once' });
    expect([same.status, same.body.state]).toEqual([200, 'settled']);
  });
});

describe('the deadline', () => {
  test('closes a task as expired, with nobody there to ask for it', async () => {
    await broker.openTask({ id: 'brief', ttl: '90s' });
    await broker.openTask({ id: 'brief.a', parent: 'brief', ttl: '90s' });
    const { access_token: token, expires_in: seconds } = await broker.credential('agent-1', {
      task_id: 'brief.a',
      audience: 'crm',
    });
    expect(seconds).toBeLessThanOrEqual(90);
    clock.advance(89_999);
    expect((await broker.introspect(token)).active).toBe(true);
    clock.advance(1);
    expect(await broker.introspect(token)).toEqual({ active: false });
    const late = await broker.exchange('agent-1', { task_id: 'brief', audience: 'crm' });
    expect(late.body).toMatchObject({ error: 'invalid_target', error_description: 'The task is closed.' });
    expect((await broker.post('/v1/tasks/brief/extend', 'planner', { ttl: '10m' })).status).toBe(409);

    // Time moved without the machine's knowledge: any opening has the sweeper notice.
    await broker.openTask({ id: 'waker' });
    const closed = await until('the sweep closed it', async () => {
      const { body } = await broker.get('/v1/tasks/brief', 'planner');
      return body['state'] === 'settled' ? body : undefined;
    });
    expect(closed).toMatchObject({ outcome: 'expired', closed_by: 'mayfly', closed_at: closed['deadline'] });
    const event = (await broker.audit({ task: 'brief.a' })).find(({ action }) => action === 'task.expire');
    expect(event).toMatchObject({ outcome: 'permitted' });
  });
});
