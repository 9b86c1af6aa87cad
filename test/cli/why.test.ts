// `mayfly why` tells how a credential died and why a request was refused, whatever did it.
import { describe, expect, test } from '@jest/globals';
import { AUDIT_ACTIONS } from '../../src/audit/event.js';
import { ADVICE, adviceFor } from '../../src/cli/why/advice.js';
import { callsStory, callStory, withoutManyCalls } from '../../src/cli/why/call-story.js';
import { leaseStory, storyFromLog } from '../../src/cli/why/lease-story.js';
import { requestStory } from '../../src/cli/why/request-story.js';
import { REFUSAL_REASONS } from '../../src/domain/refusal.js';
import type { AuditEventView } from '../../src/wire/audit.js';
import type { LeaseView } from '../../src/wire/leases.js';

const NOW = Date.parse('2026-03-01T12:10:00.000Z');
const ENDED_AT = '2026-03-01T12:01:00.000Z';
const KILL = 'req_0000000000000000000002';

const LEASE: LeaseView = {
  id: 'lease_0000000000000000000000000001',
  task_id: 'run-42',
  agent: 'dev/agent-7',
  tool: 'crm',
  plane: 'data',
  kind: 'jwt',
  revocation: 'pushed',
  audience: 'https://crm.example',
  scope: 'read',
  issued_at: '2026-03-01T12:00:00.000Z',
  expires_at: '2026-03-01T12:15:00.000Z',
  state: 'active',
  policy_digest: 'digest',
  request_id: 'req_0000000000000000000001',
};

let sequence = 0;
const event = (facts: Partial<AuditEventView>): AuditEventView => ({
  sequence: ++sequence,
  at: ENDED_AT,
  request_id: KILL,
  action: 'task.complete',
  outcome: 'permitted',
  principal: 'dev/planner',
  detail: {},
  ...facts,
});

type Ended = NonNullable<LeaseView['ended']>;
const ended = (cause: Ended['cause'], more: Partial<Ended> = {}): LeaseView => ({
  ...LEASE,
  state: 'revoked',
  ended: { at: ENDED_AT, cause, request_id: KILL, ...more },
});

describe('the story of a lease', () => {
  const DEATHS: readonly [name: string, lease: LeaseView, events: AuditEventView[], told: string][] = [
    [
      'its task was completed',
      ended('task', { name: 'run-42', reason: 'all done' }),
      [event({ task_id: 'run-42', detail: { outcome: 'completed' } })],
      `because task run-42 was completed by dev/planner (reason "all done"); request ${KILL}.`,
    ],
    [
      'the task above its own was cancelled',
      { ...ended('task', { name: 'run-42.a' }), task_id: 'run-42.a' },
      [event({ task_id: 'run-42', detail: { outcome: 'cancelled' } })],
      'because task run-42, which run-42.a is part of, was cancelled by dev/planner',
    ],
    [
      'its task ran out of time',
      ended('task', { name: 'run-42' }),
      [event({ action: 'task.expire', task_id: 'run-42', detail: {} })],
      'because task run-42 reached its deadline',
    ],
    [
      'its agent was revoked',
      ended('agent', { name: 'dev/agent-7', reason: 'odd' }),
      [
        event({
          action: 'revocation.create',
          principal: 'dev/operator',
          detail: { select: 'agent:dev/agent-7' },
        }),
      ],
      'because dev/operator revoked agent dev/agent-7 (reason "odd")',
    ],
    [
      'everything was revoked',
      ended('all'),
      [event({ action: 'revocation.create', principal: 'dev/operator', detail: { select: 'all' } })],
      'because dev/operator revoked all;',
    ],
    [
      'its agent released it',
      ended('lease', { name: LEASE.id }),
      [event({ action: 'lease.release', principal: LEASE.agent })],
      'because its agent dev/agent-7 released it',
    ],
    [
      'an operator released it',
      ended('lease', { name: LEASE.id }),
      [event({ action: 'lease.release', principal: 'dev/operator' })],
      'because dev/operator revoked it',
    ],
    [
      'it was decided on again',
      ended('lease', { name: LEASE.id, by: 'mayfly', reason: 'policy: untrusted' } as Partial<Ended>),
      [
        event({ action: 'task.signal', task_id: 'run-42', detail: { signal: 'untrusted_content' } }),
        event({ action: 'lease.review', principal: undefined, lease_id: LEASE.id } as never),
      ],
      'because policy no longer permitted it, after what had come to pass in its task (reason "policy: untrusted")',
    ],
    [
      'an agent looks, who may not read the log',
      ended('task', { name: 'run-42' }),
      [],
      'because task run-42 ended;',
    ],
    [
      'a tool was revoked, and the log is silent',
      ended('tool', { name: 'crm' }),
      [],
      'because tool crm was revoked',
    ],
    [
      'its time was over',
      { ...ended('ttl'), state: 'expired' },
      [],
      'It ran out by itself at 2026-03-01 12:01:00Z',
    ],
    ['nobody knows whether it was made', ended('mint_unknown'), [], 'nobody could tell whether'],
    [
      'a newer broker has another cause',
      ended('moon' as Ended['cause'], { name: 'full' }),
      [],
      'because moon full was revoked',
    ],
  ];

  test.each(DEATHS)('says that %s', (_name, lease, events, told) => {
    const story = leaseStory(lease, events, NOW).join('\n');
    expect(story).toContain(told);
    expect(story).toContain('was issued to dev/agent-7 for crm (read)');
  });

  test('does not take an event that was refused, or another request, for the kill', () => {
    const events = [
      event({ outcome: 'refused', reason: 'task_not_yours', principal: 'dev/other', detail: {} }),
      event({ request_id: 'req_0000000000000000000009', principal: 'dev/other' }),
    ];
    expect(leaseStory(ended('task', { name: 'run-42' }), events, NOW).join()).not.toContain('dev/other');
  });

  test.each([
    ['active', 'It is active, and ends at 2026-03-01 12:15:00Z (in 5m)'],
    ['reserved', 'being made at the target'],
  ] as const)('of one that is %s says so', (state, told) => {
    expect(leaseStory({ ...LEASE, state }, [], NOW).join()).toContain(told);
  });

  test('says loudly that a credential could not be killed, and what the target said last', () => {
    const settle = event({ action: 'lease.settle', outcome: 'failed', detail: { error: 'no\u001b route' } });
    const story = leaseStory({ ...ended('task'), kind: 'postgres', state: 'irrevocable' }, [settle], NOW);
    expect(story.join('\n')).toContain(
      String.raw`could NOT be killed at its target: somebody must look there. The last attempt said: no\x1b route`,
    );
  });

  test('says of a credential that was forced whose word that was, and how to have one tried again', () => {
    const { ended: killed } = ended('task');
    const forced = {
      at: '2026-03-01T12:04:00.000Z',
      by: 'cluster/op',
      reason: 'dropped by hand',
      request_id: 'req_f',
    };
    const lease = { ...ended('task'), kind: 'postgres', ended: { ...killed!, forced } };
    expect(leaseStory(lease, [], NOW).join('\n')).toContain(
      'could NOT be killed at its target. cluster/op said at 2026-03-01 12:04:00Z',
    );
    const left = leaseStory({ ...ended('task'), kind: 'postgres', state: 'irrevocable' }, [], NOW);
    expect(left.join('\n')).toContain(`mayfly lease retry ${LEASE.id}`);
  });

  test('says whether the target has let go', () => {
    expect(leaseStory({ ...ended('task'), kind: 'postgres', state: 'revoking' }, [], NOW).join()).toContain(
      'keeps trying',
    );
    const confirmed = { ...ended('task'), kind: 'postgres', confirmed_at: '2026-03-01T12:02:00.000Z' };
    expect(leaseStory(confirmed, [], NOW).join()).toContain('let go of it at 2026-03-01 12:02:00Z');
  });

  test('says that its credential was found without a live lease, also where nothing else is on record', () => {
    const facts = { action: 'credential.orphan', tool: 'app-db', lease_id: LEASE.id } as const;
    const failed = event({ ...facts, outcome: 'failed', detail: { lease: 'unknown', error: 'it owns x' } });
    const killed = event({ ...facts, detail: { lease: 'unknown' } });
    const at = 'found at the target of app-db without a live lease, at 2026-03-01 12:01:00Z (9m ago)';
    expect(storyFromLog(LEASE.id, [failed, killed], NOW)).toEqual([
      `Of how ${LEASE.id} came to be nothing is on record here.`,
      `Its credential was ${at}, and could NOT be killed (it owns x); request ${KILL}.`,
      `Its credential was ${at}, and killed; request ${KILL}.`,
    ]);
    expect(leaseStory({ ...ended('task'), kind: 'postgres' }, [killed], NOW).at(-1)).toContain(at);
  });

  test('is told from the log alone to those who may not read leases', () => {
    const issued = event({
      action: 'token.exchange',
      principal: 'dev/agent-7',
      tool: 'crm',
      task_id: 'run-42',
    });
    const closed = event({ task_id: 'run-42', detail: { outcome: 'failed' } });
    const story = storyFromLog(LEASE.id, [issued, closed], NOW).join('\n');
    expect(story).toContain('was issued to dev/agent-7 for crm in task run-42');
    expect(story).toContain('because task run-42 was ended as failed by dev/planner');
  });
});

const call = (more: Partial<AuditEventView> = {}, detail: object = {}): AuditEventView =>
  event({
    action: 'tool.call',
    principal: 'dev/agent-7',
    task_id: 'run-42',
    lease_id: LEASE.id,
    tool: 'crm',
    detail: { reported_by: 'dev/crm-api', action: 'read', resource: 'customers/7', ...detail },
    ...more,
  });

describe('the story of the calls that a credential was used for', () => {
  const refused = call({ outcome: 'refused' }, { reason: 'revoked' });

  test('tells each as a sentence: who called, what for, and whether it was let through', () => {
    const about = `called crm (read customers/7, task run-42, ${LEASE.id})`;
    const told = 'At 2026-03-01 12:01:00Z (9m ago), dev/crm-api told that dev/agent-7';
    expect(requestStory(call(), NOW)).toEqual([`${told} ${about}: accepted.`]);
    expect(requestStory(refused, NOW)).toEqual([`${told} ${about}: REFUSED, revoked.`]);
    const { principal: _none, ...stranger } = call({ outcome: 'refused' }, { reason: 'signature' });
    expect(callStory(stranger, NOW)).toContain('somebody whose credential was not accepted called crm');
  });

  test('counts them, and shows the latest of many', () => {
    expect(callsStory([event({})], NOW)).toEqual([]);
    expect(callsStory([call(), refused], NOW)).toEqual([
      'Verifiers have told of 2 calls with it: 1 accepted, 1 refused, the latest as revoked; the last at 2026-03-01 12:01:00Z (9m ago).',
    ]);
    const many = [event({}), ...Array.from({ length: 30 }, () => call())];
    expect(withoutManyCalls(many)).toEqual([many[0], ...many.slice(-10)]);
  });
});

describe('the story of a request', () => {
  test('names the caller, the true reason, what it means and what to do', () => {
    const refused = event({
      action: 'token.exchange',
      outcome: 'refused',
      reason: 'agent_not_in_manifest',
      principal: 'dev/agent-9',
      task_id: 'run-42',
      detail: { why: 'dev/agent-9 is not among dev/agent-1', token: 'digest' },
    });
    expect(requestStory(refused, NOW)).toEqual([
      'At 2026-03-01 12:01:00Z (9m ago), dev/agent-9 asked for a credential (task run-42).',
      'Outcome: REFUSED, agent_not_in_manifest.',
      'Reason:  the manifest of the task does not name this agent.',
      expect.stringMatching(/^To do: {3}Open a task that does/),
      'Detail:  dev/agent-9 is not among dev/agent-1',
      'Facts:   {"token":"digest"}',
    ]);
  });

  test('says that nobody was let in where the token was not accepted', () => {
    const { principal: _none, ...anonymous } = event({ outcome: 'refused', reason: 'token_expired' });
    expect(requestStory(anonymous, NOW)[0]).toContain('somebody whose token was not accepted ended a task');
  });

  test('names nobody else for what the broker did by itself and did not bring about', () => {
    const { principal: _nobody, ...failed } = event({ action: 'credential.orphan', outcome: 'failed' });
    expect(requestStory(failed, NOW)[0]).toContain('mayfly found a credential without a live lease');
    const [refused] = requestStory({ ...failed, action: 'target.reconcile', outcome: 'refused' }, NOW);
    expect(refused).toContain('somebody whose token was not accepted compared');
  });

  test('has words for whatever somebody may have done', () => {
    expect(AUDIT_ACTIONS).toEqual([...new Set(AUDIT_ACTIONS)]);
    // What no route takes did nothing that could be named.
    const actions = AUDIT_ACTIONS.filter((action) => action !== 'request');
    const stories = actions.map((action) => requestStory(event({ action }), NOW)[0]!);
    expect(stories.filter((story) => / did \w+\.\w+/.test(story))).toEqual([]);
  });

  test('survives actions, outcomes and reasons of a newer broker', () => {
    const strange = { action: 'moon.eclipse', outcome: 'refused', reason: 'constructor' } as const;
    const story = requestStory(event(strange), NOW).join('\n');
    expect(story).toContain('did moon.eclipse');
    expect(story).toContain('the broker is newer');
  });

  test('cannot be rewritten by what the caller sent', () => {
    const story = requestStory(event({ principal: 'a\u001b[2K', detail: { why: '\u202e' } }), NOW).join('\n');
    expect(story).not.toMatch(/[\p{Cf}]|[^\P{Cc}\n]/u);
  });
});

test('there is advice for every reason, as sentences', () => {
  expect(Object.keys(ADVICE).sort()).toEqual([...REFUSAL_REASONS].sort());
  for (const { means, todo } of Object.values(ADVICE)) {
    expect(means).toMatch(/^[^A-Z].*[^.]$/);
    expect(todo).toMatch(/^[A-Z].*[.?]$/);
  }
  expect(adviceFor('__proto__')).toBeUndefined();
});
