// `mayfly policy explain --request` and `replay`: what a broker has on record is decided again, and every difference is told.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { AuditEntry } from '../../src/audit/entry.js';
import { type RecordedDecision, recordedDecision } from '../../src/cli/policy/recorded.js';
import { differenceOf } from '../../src/cli/policy/replayed.js';
import { type RequestId, type TaskId, principalName } from '../../src/domain/ids.js';
import { NO_CONTEXT, holdingOf } from '../../src/domain/tree-context.js';
import { cedarPolicy } from '../../src/policy/cedar/cedar-policy.js';
import { recordDecision } from '../../src/tasks/circumstances.js';
import type { Decision } from '../../src/policy/policy.js';
import type { AuditEventView } from '../../src/wire/audit.js';
import { CATALOGUE, policiesOf } from '../policy/cedar/policies.js';
import type { InPlaceOfBroker } from '../fixtures/in-place-of-broker.js';
import { CRM, type PolicyFolder, asAuditorOf, brokerWith, policyFolder } from './policy-scene.js';

const AT = Date.parse('2026-03-01T12:00:00.000Z');
const REQUEST = 'req_0000000000000000000001';

const INPUT = {
  action: 'exchange',
  principal: {
    type: 'Agent',
    id: 'cluster/agent-1',
    trust: 'cluster',
    subject: 'agent-1',
    tags: { groups: ['billing'] },
  },
  tools: [
    {
      name: 'crm',
      plane: 'data',
      sensitivity: 'confidential',
      audience: 'https://crm.example',
      actions: ['read'],
      resources: ['*'],
    },
  ],
  ttl: 60,
  tasks: [
    {
      id: 'run-1',
      purpose: 'digest',
      age: 3,
      parents: [],
      orchestrator: 'cluster/planner',
      labels: [],
    },
  ],
  held: { tool: [], data: [], cloud: [], tools: [] },
  signals: [],
  refusals: 0,
  now: AT,
};
const OF_SALES = { ...INPUT, principal: { ...INPUT.principal, tags: { groups: ['sales'] } } };

let sequence = 1000;
const decided = (
  decision: Decision['effect'] | undefined,
  input: object | undefined,
  more: Partial<AuditEventView> = {},
  detail: object = { determining: ['crm-read'], obligations: { max_ttl_ms: 60_000 } },
): AuditEventView => {
  const own = decision === 'deny' ? { determining: [] } : detail;
  return {
    sequence: --sequence,
    at: new Date(AT).toISOString(),
    request_id: REQUEST,
    action: 'token.exchange',
    outcome: decision === 'permit' ? 'permitted' : 'refused',
    ...(decision === 'deny' && { reason: 'policy_denied' }),
    principal: 'cluster/agent-1',
    tool: 'crm',
    detail: { policy: 'digest', ...own, ...(decision && { decision }), ...(input && { input }) },
    ...more,
  };
};

let at: PolicyFolder;
let broker: InPlaceOfBroker;
const brokers: InPlaceOfBroker[] = [];
const started = async (...pages: readonly (readonly AuditEventView[])[]): Promise<void> => {
  broker = await brokerWith(...pages);
  brokers.push(broker);
};
beforeEach(() => {
  at = policyFolder();
});
afterEach(() => {
  for (const one of brokers.splice(0)) one.close();
});
const jsonOf = (text: string): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>;

const explain = async (events: readonly AuditEventView[], ...more: string[]) => {
  await started(events);
  return asAuditorOf(broker, at, 'explain', '--request', REQUEST, ...more);
};

describe('mayfly policy explain --request', () => {
  test('decides what is on record by the policies at hand, and tells what came of it then', async () => {
    const { exit, out } = await explain([decided('permit', OF_SALES)]);
    expect(exit).toBe(0);
    expect(broker.seen[0]!.url).toContain(`request=${REQUEST}`);
    expect(out).toContain(
      [
        `token.exchange of 2026-03-01T12:00:00.000Z, request ${REQUEST}`,
        'exchange of crm (read) by cluster/agent-1 in run-1',
        'then: permit by crm-read',
        'deny; no policy permits crm\n',
      ].join('\n'),
    );
    expect(out).toContain('false  principal.getTag("groups").contains("billing")');
  });

  test('tells of every decision of the request, the first one first', async () => {
    const { out } = await explain([decided('deny', OF_SALES), decided('permit', INPUT)], '--json');
    expect(jsonOf(out)).toMatchObject({
      decisions: [
        { recorded: { decision: 'permit', determining: ['crm-read'] }, decision: 'permit' },
        { recorded: { decision: 'deny', determining: [] }, decision: 'deny' },
      ],
    });
  });

  test.each([
    ['nothing is on record', [], 3, 'nothing is on record of'],
    ['policies decided nothing', [decided('permit', undefined)], 3, 'policies decided nothing in'],
    ['another version recorded it', [decided('permit', { ...INPUT, ttl: 'moon' })], 1, 'has another version'],
  ])('says so where %s', async (_what, events, exit, told) => {
    expect(await explain(events)).toMatchObject({ exit, out: '', err: expect.stringContaining(told) });
  });
});

const replay = async (pages: readonly (readonly AuditEventView[])[], ...more: string[]) => {
  await started(...pages);
  return asAuditorOf(broker, at, 'replay', '--since', '2026-03-01T11:00:00Z', ...more);
};

test('what a broker records of a decision is read back, and comes out the same', async () => {
  const { set } = await policiesOf(CRM);
  const tool = CATALOGUE.byName('crm')!;
  const name = principalName('cluster', 'agent-1');
  const claims = { groups: ['billing'], deep: { er: [1, true] } };
  for (const actions of [['read'], ['write'], []]) {
    const decision = cedarPolicy(set, CATALOGUE, 'digest').decide({
      action: 'exchange',
      principal: { name, trust: 'cluster', subject: 'agent-1', claims },
      task: { id: 'run-1' as TaskId, orchestrator: name, purpose: 'p', labels: { a: 'b' }, openedAt: AT },
      above: [],
      context: { ...NO_CONTEXT, signals: ['anomaly'], held: [holdingOf(tool)] },
      tool,
      actions,
      details: [],
      address: '10.0.0.7',
      now: AT,
    });
    const entry = new AuditEntry(REQUEST as RequestId, 'token.exchange');
    recordDecision(entry, decision);
    const detail = jsonOf(JSON.stringify(entry.facts.detail));
    const recorded = recordedDecision({ ...decided('permit', undefined), detail });
    expect(recorded).toMatchObject({ effect: decision.effect, determining: decision.determining });
    expect(differenceOf(recorded as RecordedDecision, set)).toBeUndefined();
  }
});

describe('mayfly policy replay', () => {
  test('ends with 0 where everything comes out the same, by whatever policy', async () => {
    const same = [
      decided('permit', INPUT),
      decided('permit', INPUT, {}, { determining: ['old-name'], obligations: { max_ttl_ms: 60_000 } }),
      decided('deny', OF_SALES),
      decided(undefined, undefined, { action: 'task.read' }, {}),
    ];
    const { exit, out, err } = await replay([same]);
    expect([exit, err]).toEqual([0, '']);
    expect(out).toContain(
      '3 decisions: 3 the same, 0 newly allowed, 0 newly denied, 0 obligations changed\n',
    );
  });

  test('tells each decision that comes out otherwise, with what decides it now, and ends with 1', async () => {
    const events = [
      decided('deny', INPUT, { request_id: 'req_allowed' }),
      decided('permit', OF_SALES, { request_id: 'req_denied' }),
      decided('permit', INPUT, { request_id: 'req_obliged' }, { determining: ['crm-read'] }),
      decided('permit', INPUT),
    ];
    const { exit, out, err } = await replay([events]);
    expect([exit, err]).toEqual([1, 'mayfly: 3 of 4 decisions would come out otherwise\n']);
    expect(out).toMatch(
      /^newly allowed\n.*\nreq_allowed +cluster\/agent-1 +exchange +crm \(read\) +run-1 +permit by crm-read\n/,
    );
    expect(out).toMatch(/\nnewly denied\n.*\nreq_denied .* deny as no policy permits it\n/);
    expect(out).toMatch(/\nobligations changed\n.*\nreq_obliged .* max_ttl 1m, not none\n/);
    const json = jsonOf((await replay([events], '--json')).out);
    expect(json).toMatchObject({
      since: '2026-03-01T11:00:00.000Z',
      decisions: 4,
      same: 1,
      newly_allowed: [
        { request_id: 'req_allowed', before: { decision: 'deny' }, after: { decision: 'permit' } },
      ],
      newly_denied: [{ request_id: 'req_denied' }],
      obligations_changed: [{ request_id: 'req_obliged' }],
    });
  });

  test('groups them where there are many', async () => {
    const many = Array.from({ length: 30 }, () => decided('permit', OF_SALES));
    const { out } = await replay([[...many, decided('deny', INPUT)]]);
    expect(out).toMatch(
      /\nnewly denied\nCOUNT .*\n30 +cluster\/agent-1 +exchange +crm \(read\) +deny as no policy permits it +req_/,
    );
  });

  test('reads page by page back to the time, and no further', async () => {
    const old = { at: '2026-03-01T10:00:00.000Z' };
    const pages = [
      [decided('permit', INPUT)],
      [decided('permit', INPUT, old), decided('permit', INPUT)],
      [decided('permit', OF_SALES, old)],
      [decided('permit', OF_SALES)],
    ];
    expect((await replay(pages)).out).toContain('2 decisions: 2 the same');
    expect(broker.seen).toHaveLength(3);
    expect(broker.seen[1]!.url).toContain(`before=${pages[0]![0]!.sequence}`);
  });

  test('counts a review that ended a lease as a denial', async () => {
    const review = { action: 'lease.review', outcome: 'permitted' } as const;
    const events = [decided(undefined, INPUT, review), decided(undefined, OF_SALES, review)];
    const { out } = await replay([events], '--json');
    expect(jsonOf(out)).toMatchObject({ same: 1, newly_allowed: [{ action: 'lease.review' }] });
  });

  test('says how much it could not decide again', async () => {
    const without = await replay([[decided('permit', undefined), decided('permit', INPUT)]]);
    expect(without).toMatchObject({ exit: 0, out: expect.stringContaining('1 decided without policies') });
    const strange = await replay([[decided('permit', { ...INPUT, tasks: 'none' })]]);
    expect(strange).toMatchObject({ exit: 1, err: expect.stringContaining('1 decision cannot be read') });
  });

  test('takes a duration or a time, and nothing else', async () => {
    await started([]);
    expect((await asAuditorOf(broker, at, 'replay', '--since', '24h')).exit).toBe(0);
    expect((await asAuditorOf(broker, at, 'replay', '--since', 'yesterday')).exit).toBe(2);
    expect((await asAuditorOf(broker, at, 'replay', '--since', '2026-03-01T11:00:00')).exit).toBe(2);
    expect((await asAuditorOf(broker, at, 'replay')).exit).toBe(2);
  });
});
