// What a verifier reports is held to forms before it is recorded: nothing that a stranger made up stands there as it came.
import { expect, test } from '@jest/globals';
import { toolCallEvent } from '../../src/audit/tool-call.js';
import type { ToolCall } from '../../src/audit/tool-call.js';
import type { PrincipalName } from '../../src/domain/ids.js';
import { requestId } from '../../src/domain/ids.js';

const BY = { by: 'cluster/crm-api' as PrincipalName, requestId: requestId() };
const CALL: ToolCall = { at: Date.parse('2026-03-01T12:00:00Z'), tool: 'crm', outcome: 'accepted' };
const detailOf = (more: Partial<ToolCall>): Record<string, unknown> =>
  toolCallEvent({ ...CALL, ...more }, BY).entry.facts.detail;

const HEADER = 'eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9';
const JWT = `${HEADER}.eyJpc3MiOiJodHRwczovL21heWZseS5leGFtcGxlIn0.c2lnbmF0dXJl`;

test('the verifier and its clock stand beside what it tells, and the agent is named as whose call it was', () => {
  const { entry, conclusion } = toolCallEvent({ ...CALL, agent: 'cluster/agent-7', outcome: 'refused' }, BY);
  expect(conclusion).toEqual({ outcome: 'refused' });
  expect(entry.facts).toMatchObject({ action: 'tool.call', principal: 'cluster/agent-7', tool: 'crm' });
  expect(entry.facts.detail).toEqual({
    reported_by: 'cluster/crm-api',
    reported_at: '2026-03-01T12:00:00.000Z',
  });
});

test.each([
  ['a resource as it is', 'customers/7', 'customers/7'],
  ['no query, where secrets stand', 'customers/7?key=sk_live_1', 'customers/7?[…]'],
  ['no fragment', 'a#b?c', 'a#[…]'],
  ['no token', `files/${JWT}/x`, 'files/[token]/x'],
  ['no half of a token', `x${HEADER}%2Ey`, 'x[token]%2Ey'],
  ['nothing that a terminal obeys', 'a\u001b[2K\u202eb c', 'a?[2K?b?c'],
  ['no more than 512 characters', 'a'.repeat(4000), 'a'.repeat(512)],
])('%s', (_what, resource, told) => {
  expect(detailOf({ resource })).toMatchObject({ resource: told });
});

test.each([
  ['read', 'read'],
  ['tools/call', 'tools/call'],
  [JWT, '[unreadable]'],
  ['two words', '[unreadable]'],
  ['a'.repeat(65), '[unreadable]'],
])('an action is recorded where it has the form of one: %s', (action, told) => {
  expect(detailOf({ action })).toMatchObject({ action: told });
});

test('of further details numbers, truths and short words are recorded', () => {
  const detail = { status: 200, cached: true, method: 'GET', key: 'x'.repeat(33), said: 'two words' };
  expect(detailOf({ detail })).toMatchObject({
    more: { status: 200, cached: true, method: 'GET', key: '[unreadable]', said: '[unreadable]' },
  });
});
