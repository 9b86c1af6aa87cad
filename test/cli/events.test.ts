// The audit log as a table: of a flood it tells where it came from, and how much of it there was.
import { expect, test } from '@jest/globals';
import { eventsText } from '../../src/cli/events.js';
import type { AuditEventView } from '../../src/wire/audit.js';

const limited = (more: Partial<AuditEventView>): AuditEventView => ({
  sequence: 1,
  at: '2026-03-01T06:14:57Z',
  request_id: 'req_1',
  action: 'request.limited',
  outcome: 'refused',
  reason: 'rate_limited',
  detail: { count: 18_211, address: '192.0.2.1' },
  ...more,
});

test.each([
  ['a principal', limited({ principal: 'cluster/agent-7' }), 'cluster/agent-7'],
  ['an address', limited({}), '192.0.2.1'],
  ['many addresses', limited({ detail: { count: 18_211, others: 990 } }), '990 others'],
])('a flood of %s', (_who, event, who) => {
  const [, line = ''] = eventsText([event], Date.parse(event.at)).split('\n');
  expect(line).toContain(`request.limited  ${who}`);
  expect(line).toContain('refused: rate_limited × 18211');
});

test('a call that a verifier refused, with what was to be done and the reason of the verifier', () => {
  const detail = {
    reported_by: 'cluster/crm-api',
    action: 'read',
    resource: 'customers/7',
    reason: 'revoked',
  };
  const { reason: _none, ...call } = limited({ action: 'tool.call', tool: 'crm', detail });
  const [, line = ''] = eventsText([call], Date.parse(call.at)).split('\n');
  expect(line).toMatch(/tool\.call +nobody known +refused: revoked +crm read customers\/7/);
});
