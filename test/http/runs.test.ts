// Runs of a workflow: each has a task that opens by itself, from the configuration's template, for its own jobs alone.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { systemClock } from '../../src/domain/clock.js';
import { TOKEN_EXCHANGE, TOKEN_TYPE } from '../../src/wire/token.js';
import { TestBroker } from '../fixtures/broker.js';
import type { Credential, Reply } from '../fixtures/broker-client.js';
import { TASK } from '../fixtures/broker-client.js';
import { Workloads } from '../fixtures/broker-workloads.js';
import { Github, OWNER_ID, REPOSITORY_ID, type Claims } from '../fixtures/github.js';

const TOOLS = [{ tool: 'crm', actions: ['read'] }];

const githubTrust = (runs: object | undefined) => ({
  name: 'github',
  kind: 'github',
  audience: 'mayfly',
  jwks_file: './github.jwks.json',
  roles: {
    agent: { repository_owner_id: Number(OWNER_ID), ref: 'refs/heads/main' },
    // An orchestrator of its own is not to get round the template either.
    orchestrator: { repository_id: Number(REPOSITORY_ID), environment: 'planning' },
  },
  ...(runs && { runs }),
});
const trust = (runs?: object) => [Workloads.trust('./workloads.jwks.json'), githubTrust(runs)];
const RUNS = { task_prefix: 'gh-', ttl: '30m', tools: TOOLS };

let github: Github;
let broker: TestBroker;
beforeAll(async () => {
  github = await Github.of(systemClock());
  broker = await TestBroker.start();
  writeFileSync(join(broker.folder, 'github.jwks.json'), JSON.stringify(github.jwks));
  broker.configure({ trust: trust(RUNS) });
  expect(await broker.live.reload()).toMatchObject({ swapped: true });
});
afterAll(() => broker.stop());

let runs = 9000;
const newRun = (): string => String(++runs);
const taskOf = (run: string, attempt = '1', repository = REPOSITORY_ID): string =>
  `gh-${repository}-${run}-${attempt}`;

function exchange(claims: Claims, parameters: Record<string, string>): Promise<Reply<Credential>> {
  const form = {
    grant_type: TOKEN_EXCHANGE,
    subject_token: github.token(claims),
    subject_token_type: TOKEN_TYPE.jwt,
    audience: 'crm',
    ...parameters,
  };
  return broker.call<Credential>('POST', '/token', { form });
}
const complete = (id: string, claims: Claims) =>
  broker.call('POST', `/v1/tasks/${id}/complete`, { bearer: github.token(claims), json: {} });
const reasonOf = async (reply: Pick<Reply<unknown>, 'headers'>): Promise<(string | undefined)[]> =>
  (await broker.auditOf(reply)).map(({ reason }) => reason);

const TOPIC: Claims = { ref: 'refs/heads/topic', sub: 'repo:acme/app:ref:refs/heads/topic' };
const evil = (run: string): Claims => ({
  run_id: run,
  repository: 'evil/app',
  repository_owner: 'evil',
  repository_id: '666',
  repository_owner_id: '6',
  sub: 'repo:evil/app:ref:refs/heads/main',
});

/** A job without the ref that the agents' rule wants: of the same run, and an agent of none. */
const cleanup = (run: string): Claims => ({
  run_id: run,
  ref: 'refs/heads/topic',
  sub: 'repo:acme/app:environment:cleanup',
  environment: 'cleanup',
});

describe('the first exchange of a run', () => {
  test('opens its task from the template, and gets its credential', async () => {
    const run = newRun();
    const issued = await exchange({ run_id: run }, { task_id: taskOf(run) });
    expect([issued.status, issued.body.task_id, issued.body.scope]).toEqual([200, taskOf(run), 'read']);
    const { body: task } = await broker.get(`/v1/tasks/${taskOf(run)}`, 'operator');
    expect(task).toMatchObject({
      state: 'open',
      orchestrator: 'github',
      agents: ['github/*'],
      tools: TOOLS,
      instance: { kind: 'run', id: run },
      labels: { repository: 'acme/app' },
    });
    expect(Date.parse(task['deadline'] as string) - Date.parse(task['opened_at'] as string)).toBe(1_800_000);
  });

  test('is on record as what it is: an opening and an exchange, under one request', async () => {
    const run = newRun();
    const issued = await exchange({ run_id: run }, { task_id: taskOf(run) });
    const events = (await broker.auditOf(issued)).toSorted((a, b) => a.sequence - b.sequence);
    expect(
      events.map(({ action, outcome, principal, task_id: task }) => [action, outcome, principal, task]),
    ).toEqual([
      ['task.open', 'permitted', 'github/repo:acme/app:ref:refs/heads/main', taskOf(run)],
      ['token.exchange', 'permitted', 'github/repo:acme/app:ref:refs/heads/main', taskOf(run)],
    ]);
    expect(events[0]!.detail).toMatchObject({ run, policy: expect.any(String), address: '127.0.0.1' });
  });

  test('opens it once, when twenty jobs come at once', async () => {
    const run = newRun();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        exchange({ run_id: run, jti: `job-${n}` }, { task_id: taskOf(run) }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    const opened = (await broker.audit({ task: taskOf(run) })).filter(({ action }) => action === 'task.open');
    expect(opened.filter(({ detail }) => detail['created'] === true)).toHaveLength(1);
  });
});

describe('the task of a run is not', () => {
  test.each<[string, Claims, Record<string, string>, string]>([
    ['wider than the template: another action', {}, { scope: 'write' }, 'action_not_granted'],
    ['wider than the template: another tool', {}, { audience: 'search' }, 'tool_not_in_manifest'],
  ])('%s', async (_, claims, parameters, reason) => {
    const run = newRun();
    const refused = await exchange({ run_id: run, ...claims }, { task_id: taskOf(run), ...parameters });
    expect(refused.status).toBe(400);
    expect(await reasonOf(refused)).toContain(reason);
  });

  test.each<[string, (run: string) => [Claims, string], string]>([
    ['that of another run', (run) => [{ run_id: `${run}7` }, taskOf(run)], 'agent_not_in_manifest'],
    [
      'that of a later attempt',
      (run) => [{ run_id: run, run_attempt: '2' }, taskOf(run)],
      'agent_not_in_manifest',
    ],
    [
      'that of a run with the same number in another repository',
      (run) => [
        {
          run_id: run,
          repository: 'acme/site',
          repository_id: '75',
          sub: 'repo:acme/site:ref:refs/heads/main',
        },
        taskOf(run),
      ],
      'agent_not_in_manifest',
    ],
    ['for a job that is no agent', (run) => [cleanup(run), taskOf(run)], 'role_missing'],
    ['for a child', (run) => [{ run_id: run }, `${taskOf(run)}.more`], 'task_unknown'],
  ])('%s', async (_, from, reason) => {
    const run = newRun();
    expect((await exchange({ run_id: run }, { task_id: taskOf(run) })).status).toBe(200);
    const [claims, id] = from(run);
    const refused = await exchange(claims, { task_id: id });
    expect([refused.status, await reasonOf(refused)]).toEqual([expect.any(Number), [reason]]);
    expect(refused.status).toBeGreaterThanOrEqual(400);
  });

  test('opened by asking for that of another, or for one that no run has', async () => {
    const run = newRun();
    for (const id of [taskOf(`${run}7`), taskOf(run, '2'), taskOf(run, '1', '75'), 'gh-1', 'run-1']) {
      const refused = await exchange({ run_id: run }, { task_id: id });
      expect([id, await reasonOf(refused)]).toEqual([id, ['task_unknown']]);
      expect((await broker.get(`/v1/tasks/${id}`, 'operator')).status).toBe(404);
    }
  });

  test('opened before its run by anybody else, not even by an orchestrator of everything', async () => {
    const id = taskOf(newRun());
    for (const body of [{ id }, { id: `${id}.child`, parent: id }, { id: 'gh-' }]) {
      const refused = await broker.openTask(body);
      expect([refused.status, await reasonOf(refused)]).toEqual([403, ['task_id_not_allowed']]);
    }
  });

  test('made wider by an orchestrator among its own jobs: by no extension, no child and no opening', async () => {
    const run = newRun();
    const planner: Claims = {
      run_id: run,
      environment: 'planning',
      sub: 'repo:acme/app:environment:planning',
    };
    expect((await exchange({ run_id: run }, { task_id: taskOf(run) })).status).toBe(200);
    const bearer = github.token(planner);
    const asked = [
      ['/v1/tasks', { ...TASK, id: taskOf(run) }, 'task_id_not_allowed'],
      ['/v1/tasks', { ...TASK, id: `${taskOf(run)}.x`, parent: taskOf(run) }, 'task_id_not_allowed'],
      [`/v1/tasks/${taskOf(run)}/extend`, { ttl: '2h' }, 'task_not_yours'],
    ] as const;
    for (const [path, json, reason] of asked) {
      expect(await reasonOf(await broker.call('POST', path, { bearer, json }))).toEqual([reason]);
    }
  });
});

test("a task that somebody opened under the name of a run, before runs were configured, is not the run's", async () => {
  const run = newRun();
  broker.configure({ trust: trust() });
  expect(await broker.live.reload()).toMatchObject({ swapped: true });
  const wide = { agents: ['github/*'], tools: [{ tool: 'crm', actions: ['read', 'write'] }] };
  expect((await broker.openTask({ id: taskOf(run), ...wide })).status).toBe(201);
  broker.configure({ trust: trust(RUNS) });
  expect(await broker.live.reload()).toMatchObject({ swapped: true });
  const refused = await exchange({ run_id: run }, { task_id: taskOf(run), scope: 'write' });
  expect([refused.status, await reasonOf(refused)]).toEqual([400, ['agent_not_in_manifest']]);
  expect((await complete(taskOf(run), { run_id: run })).status).toBe(404);
});

describe('the task of a run ends', () => {
  test('by any of its jobs, an agent or not, and takes every credential along', async () => {
    const run = newRun();
    const { body: credential } = await exchange({ run_id: run }, { task_id: taskOf(run) });
    expect((await broker.introspect(credential.access_token)).active).toBe(true);
    const closed = await complete(taskOf(run), cleanup(run));
    expect([closed.status, closed.body['state'], closed.body['outcome']]).toEqual([
      200,
      'settled',
      'completed',
    ]);
    expect(await broker.introspect(credential.access_token)).toEqual({ active: false });
  });

  test('by no job of another run, attempt or repository, and by no orchestrator', async () => {
    const run = newRun();
    await exchange({ run_id: run }, { task_id: taskOf(run) });
    const others: [Claims, ...unknown[]][] = [
      [{ run_id: `${run}7` }, 404, ['task_not_yours']],
      [{ run_id: run, run_attempt: '2' }, 404, ['task_not_yours']],
      // Without a role, whatever the task: it learns of none that it is there.
      [{ run_id: `${run}7`, ...TOPIC }, 403, ['role_missing']],
      [evil(run), 403, ['role_missing']],
    ];
    for (const [claims, ...expected] of others) {
      const refused = await complete(taskOf(run), claims);
      expect([refused.status, await reasonOf(refused)]).toEqual(expected);
    }
    expect((await broker.complete(taskOf(run))).status).toBe(404);
    expect((await broker.get(`/v1/tasks/${taskOf(run)}`, 'operator')).body['state']).toBe('open');
    expect((await broker.complete(taskOf(run), 'operator')).status).toBe(200);
  });

  test('for good: the same attempt gets nothing any more, and a re-run gets a task of its own', async () => {
    const run = newRun();
    await exchange({ run_id: run }, { task_id: taskOf(run) });
    await complete(taskOf(run), { run_id: run });
    expect(await reasonOf(await exchange({ run_id: run }, { task_id: taskOf(run) }))).toEqual([
      'task_closed',
    ]);
    const again = await exchange({ run_id: run, run_attempt: '2' }, { task_id: taskOf(run, '2') });
    expect([again.status, again.body.task_id]).toEqual([200, taskOf(run, '2')]);
  });

  test('before it opened, by a kill of the operator: it never opens', async () => {
    const run = newRun();
    expect((await broker.kill({ task: taskOf(run) })).status).toBe(202);
    expect(await reasonOf(await exchange({ run_id: run }, { task_id: taskOf(run) }))).toEqual([
      'task_closed',
      'task_closed',
    ]);
  });
});

describe('a job without a role', () => {
  test('may end the task of its run, and nothing else at all', async () => {
    const run = newRun();
    const bearer = github.token(cleanup(run));
    for (const [method, path] of [
      ['GET', '/v1/tasks'],
      ['GET', `/v1/tasks/${taskOf(run)}`],
      ['GET', '/v1/tools'],
      ['GET', '/v1/leases'],
      ['GET', '/v1/audit'],
    ] as const) {
      const refused = await broker.call(method, path, { bearer });
      expect([path, refused.status, await reasonOf(refused)]).toEqual([path, 403, ['role_missing']]);
    }
  });

  test('is nobody where no task opens by itself', async () => {
    broker.configure({ trust: trust() });
    await broker.live.reload();
    try {
      const refused = await complete('gh-1', cleanup(newRun()));
      expect([refused.status, await reasonOf(refused)]).toEqual([401, ['no_rule_matches']]);
    } finally {
      broker.configure({ trust: trust(RUNS) });
      await broker.live.reload();
    }
  });
});

test('a lease of a run is not renewed by another run of the same name', async () => {
  const [run, next] = [newRun(), newRun()];
  const { body: credential } = await exchange({ run_id: run }, { task_id: taskOf(run) });
  const renew = (claims: Claims) =>
    broker.call('POST', `/v1/leases/${credential.lease_id}/renew`, {
      bearer: github.token(claims),
      json: {},
    });
  const refused = await renew({ run_id: next });
  expect([refused.status, await reasonOf(refused)]).toEqual([404, [expect.any(String)]]);
  expect((await renew({ run_id: run })).status).toBe(200);
});

const ask = (run_id: string, sub: string) =>
  exchange({ run_id, sub: `repo:acme/app:${sub}` }, { task_id: 'for-a-run' });

test('a task of an orchestrator that is for one run is for all jobs of the first that comes, whatever their names', async () => {
  const [run, next] = [newRun(), newRun()];
  const agents = ['github/repo:acme/app:*'];
  expect((await broker.openTask({ id: 'for-a-run', agents, instance: { kind: 'run' } })).status).toBe(201);
  expect((await ask(run, 'ref:refs/heads/main')).status).toBe(200);
  for (const sub of ['ref:refs/heads/main', 'environment:production'])
    expect(await reasonOf(await ask(next, sub))).toEqual(['instance_mismatch']);
  expect((await ask(run, 'environment:production')).status).toBe(200);
});

test('another template holds for the runs that come, and widens none that is open', async () => {
  const run = newRun();
  await exchange({ run_id: run }, { task_id: taskOf(run) });
  const wider = { ...RUNS, tools: [{ tool: 'crm', actions: ['read', 'write'] }] };
  broker.configure({ trust: trust(wider) });
  await broker.live.reload();
  try {
    expect((await exchange({ run_id: run }, { task_id: taskOf(run), scope: 'read' })).status).toBe(200);
    const refused = await exchange({ run_id: run }, { task_id: taskOf(run), scope: 'write' });
    expect(await reasonOf(refused)).toEqual(['action_not_granted']);
    const later = newRun();
    expect((await exchange({ run_id: later }, { task_id: taskOf(later), scope: 'write' })).status).toBe(200);
  } finally {
    broker.configure({ trust: trust(RUNS) });
    await broker.live.reload();
  }
});
