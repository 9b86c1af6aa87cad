// kill -9 after a signal: whoever starts next ends what the signal forbids, if it was on record.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { AuditList } from '../../src/wire/audit.js';
import type { LeaseList } from '../../src/wire/leases.js';
import { BrokerProcess } from '../fixtures/broker-process.js';
import { until } from '../fixtures/until.js';

const LEASES = 60;
const POLICIES = `
permit (principal, action, resource);
forbid (principal is Agent, action, resource == Tool::"search") when { context.signals.contains("untrusted_content") };`;

let broker: BrokerProcess;
beforeAll(async () => {
  broker = await BrokerProcess.prepare({ policies: './policies', log_level: 'warn' });
  mkdirSync(join(broker.folder, 'policies'));
  writeFileSync(join(broker.folder, 'policies', 'p.cedar'), POLICIES);
  await broker.start();
});
afterAll(() => broker.remove());

/** Milliseconds between the signal and the kill: before it is on record, in the middle of the review, after it. */
test.each([3, 20])('killed after %i ms', async (afterMs) => {
  const id = `run-${afterMs}`;
  const tools = [
    { tool: 'search', actions: ['query'] },
    { tool: 'crm', actions: ['read'] },
  ];
  await broker.openTask({ id, ttl: '1h', tools });
  const exchange = (audience: string) => broker.exchange('agent-1', { task_id: id, audience });
  await Promise.all(Array.from({ length: LEASES }, () => exchange('search')));
  expect((await exchange('crm')).status).toBe(200);
  const signalled = broker
    .post(`/v1/tasks/${id}/signals`, 'planner', { type: 'untrusted_content' })
    .catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  await broker.end('SIGKILL');
  const acknowledged = (await signalled)?.status === 200;

  await broker.start();
  const audit = await broker.get<AuditList>(`/v1/audit?task=${id}&limit=200`, 'operator');
  const onRecord = audit.body.events.some(({ action }) => action === 'task.signal');
  if (acknowledged) expect(onRecord).toBe(true);
  const active = async (tool: string): Promise<number> =>
    (await broker.get<LeaseList>(`/v1/leases?task=${id}&tool=${tool}&state=active&limit=200`, 'operator'))
      .body.leases.length;
  if (onRecord) await until('nothing that is forbidden lives', async () => (await active('search')) === 0);
  else expect(await active('search')).toBe(LEASES);
  expect(await active('crm')).toBe(1);
});
