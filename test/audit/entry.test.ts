// An audit entry collects what is learnt, and keeps tokens out of the reasons that quote what was sent.
import { expect, test } from '@jest/globals';
import { AuditEntry, concludedEvent } from '../../src/audit/entry.js';
import { requestId } from '../../src/domain/ids.js';

const TOKEN = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhZ2VudC0xIn0.c2lnbmF0dXJl';
const entry = (): AuditEntry => new AuditEntry(requestId(), 'token.exchange');

test('what the transition found out goes before what the request knew', () => {
  const one = entry();
  Object.assign(one.facts, { principal: 'cluster/a', taskId: 'asked', tool: 'crm' });
  one.learn({ actions: ['read'], stage: 'asked' });
  const event = concludedEvent(
    one,
    { outcome: 'permitted', taskId: 'found' as never, detail: { stage: 'found' } },
    7,
  );
  expect(event).toEqual({
    requestId: one.requestId,
    action: 'token.exchange',
    at: 7,
    outcome: 'permitted',
    principal: 'cluster/a',
    taskId: 'found',
    tool: 'crm',
    detail: { actions: ['read'], stage: 'found' },
  });
  expect(one.concluded).toBe(false);
});

test.each(['learnt', 'concluded'])(
  'a token that a %s reason quotes is not written down (invariant 6)',
  (how) => {
    const one = entry();
    const why = `no tool ${TOKEN} https://x.example/${TOKEN}/y, but eyJust a word`;
    if (how === 'learnt') one.learn({ why });
    const detail = how === 'learnt' ? {} : { detail: { why } };
    const event = concludedEvent(one, { outcome: 'refused', reason: 'target_unknown', ...detail }, 7);
    expect(event.detail['why']).toBe('no tool [token] https://x.example/[token]/y, but eyJust a word');
  },
);

test('a reason is no place to store things in', () => {
  const event = concludedEvent(entry(), { outcome: 'refused', detail: { why: 'x'.repeat(60_000) } }, 7);
  expect(String(event.detail['why']).length).toBeLessThanOrEqual(1000);
});
