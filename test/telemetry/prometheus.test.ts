// Metrics over HTTP: what a broker did stands there, and nothing that a caller chose.
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { COUNTERS, GAUGES, HISTOGRAMS } from '../../src/telemetry/metrics.js';
import { PrometheusMetrics } from '../../src/telemetry/prometheus.js';
import { systemClock } from '../../src/domain/clock.js';
import { TestBroker } from '../fixtures/broker.js';
import { Workloads } from '../fixtures/broker-workloads.js';
import { Idp } from '../fixtures/idp.js';
import { issuerKey } from '../fixtures/idp-keys.js';
import { Prover } from '../fixtures/prover.js';
import { until } from '../fixtures/until.js';

let broker: TestBroker;
beforeAll(async () => {
  broker = await TestBroker.start();
});
afterAll(() => broker.stop());

const page = async (): Promise<string> => (await broker.get('/metrics', 'auditor')).text;

/** The value of one series, or 0 where it does not exist yet. */
async function value(series: string): Promise<number> {
  const line = (await page()).split('\n').find((one) => one.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1) ?? 0);
}

/** How much each of these series grows while something happens. */
async function growth(series: readonly string[], happen: () => Promise<unknown>): Promise<number[]> {
  const before = await Promise.all(series.map(value));
  await happen();
  const after = await Promise.all(series.map(value));
  return after.map((now, index) => now - before[index]!);
}

test('every metric that is defined is exported, from the first scrape on', async () => {
  const text = await page();
  const names = Object.keys({ ...COUNTERS, ...HISTOGRAMS, ...GAUGES });
  const missing = names.filter((name) => !text.includes(`# HELP mayfly_${name} `));
  expect(missing).toEqual([]);
});

test('it is text for Prometheus, and for operators and auditors alone', async () => {
  const reply = await broker.get('/metrics', 'operator');
  expect(reply.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  expect(reply.headers.get('cache-control')).toBe('no-store');
  expect((await broker.get('/metrics', 'agent-1')).status).toBe(403);
});

describe('what happened is counted', () => {
  test('a task, its credential, a renewal, a refusal and the end', async () => {
    const series = [
      'mayfly_tasks_opened_total',
      'mayfly_credentials_issued_total{tool="crm",kind="jwt"}',
      'mayfly_exchanges_total{outcome="permitted",reason=""}',
      'mayfly_exchanges_total{outcome="refused",reason="tool_not_in_manifest"}',
      'mayfly_refusals_total{action="token.exchange",reason="tool_not_in_manifest"}',
      'mayfly_credentials_renewed_total{tool="crm",kind="jwt"}',
      'mayfly_renewals_total{outcome="permitted",reason=""}',
      'mayfly_policy_decisions_total{action="exchange",effect="permit"}',
      'mayfly_tasks_closed_total{outcome="failed"}',
      'mayfly_http_requests_total{route="POST /token",status="200"}',
      'mayfly_http_request_duration_seconds_count{route="POST /token"}',
      'mayfly_http_requests_total{route="POST /v1/tasks/{id}/complete",status="200"}',
      'mayfly_store_operation_duration_seconds_count{operation="issueLease"}',
    ];
    const grown = await growth(series, async () => {
      await broker.openTask({ id: 'counted', tools: [{ tool: 'crm', actions: ['read'] }] });
      const { lease_id: lease } = await broker.credential('agent-1', { task_id: 'counted', audience: 'crm' });
      await broker.exchange('agent-1', { task_id: 'counted', audience: 'search' });
      await broker.renew(lease, 'agent-1');
      await broker.complete('counted', 'planner', { outcome: 'failed' });
      // Of a task that is closed, the first closing is given again, and is not another one.
      await broker.complete('counted', 'planner', { outcome: 'completed' });
    });
    const told = Object.fromEntries(series.map((name, index) => [name, grown[index]]));
    expect(told).toEqual({
      ...Object.fromEntries(series.map((name) => [name, 1])),
      'mayfly_http_requests_total{route="POST /token",status="200"}': 1,
      'mayfly_http_request_duration_seconds_count{route="POST /token"}': 2,
      'mayfly_http_requests_total{route="POST /v1/tasks/{id}/complete",status="200"}': 2,
    });
  });

  test('a kill and a quarantine, by the kind of selector', async () => {
    const series = [
      'mayfly_kill_duration_seconds_count{selector="agent"}',
      'mayfly_quarantines_total{change="begun"}',
      'mayfly_quarantines_total{change="lifted"}',
      'mayfly_audit_events_total{outcome="permitted"}',
    ];
    const [kills, begun, lifted, events] = await growth(series, async () => {
      await broker.kill({ agent: 'cluster/agent-9' }, { quarantine: true });
      await broker.call('DELETE', '/v1/quarantines/cluster/agent-9', { as: 'operator' });
    });
    expect([kills, begun, lifted]).toEqual([1, 1, 1]);
    expect(events).toBeGreaterThanOrEqual(2);
  });

  test('proofs, by what became of them, and tokens that were known', async () => {
    const prover = new Prover(systemClock());
    const good = (): string => prover.proof('POST', `${broker.url}/token`);
    const series = [
      'mayfly_dpop_proofs_total{outcome="accepted"}',
      'mayfly_dpop_proofs_total{outcome="proof_malformed"}',
      'mayfly_dpop_proofs_total{outcome="proof_replayed"}',
      'mayfly_token_cache_lookups_total{result="miss"}',
    ];
    const grown = await growth(series, async () => {
      const form = broker.exchangeForm('agent-6', { task_id: 'none', audience: 'crm' });
      const used = good();
      for (const dpop of [good(), 'nonsense', used, used])
        await broker.call('POST', '/token', { form, headers: { dpop } });
    });
    expect(grown).toEqual([2, 1, 1, 1]);
    expect(await value('mayfly_token_cache_lookups_total{result="hit"}')).toBeGreaterThan(0);
  });

  test('what a limit held back', async () => {
    const rate = { per_second: 0.01, burst: 2 };
    const limits = {
      requests_per_principal: rate,
      refusals_per_address: rate,
      open_tasks_per_orchestrator: 1,
    };
    const limited = await TestBroker.start({ terms: { limits } });
    try {
      for (let times = 0; times < 3; times++) await limited.get('/v1/tools', 'agent-1');
      for (const id of ['run-1', 'run-2']) await limited.openTask({ id });
      // The auditor is remembered from here on: a flood from its address does not keep it out.
      await limited.get('/v1/tools', 'auditor');
      for (let times = 0; times < 3; times++) await limited.call('GET', '/v1/tools', { bearer: 'garbage' });
      const { text } = await limited.get('/metrics', 'auditor');
      const counted = [...text.matchAll(/^mayfly_limited_total\{limit="(\w+)"\} (\d+)$/gm)];
      expect(Object.fromEntries(counted.map(([, limit, count]) => [limit, Number(count)]))).toEqual({
        requests_per_principal: 1,
        open_tasks_per_orchestrator: 1,
        refusals_per_address: 1,
      });
    } finally {
      await limited.stop();
    }
  });

  test('connections that were closed to make room', async () => {
    const crowded = await TestBroker.start({ terms: { http: { max_connections_per_address: 2 } } });
    const sockets = Array.from({ length: 6 }, () => connect(Number(new URL(crowded.url).port), '127.0.0.1'));
    for (const socket of sockets) socket.on('error', () => {});
    try {
      const counted = /^mayfly_connections_refused_total\{reason="(?:evicted|address_full)"\} [1-9]\d*$/m;
      await until('it is counted', async () => counted.test((await crowded.get('/metrics', 'auditor')).text));
    } finally {
      for (const socket of sockets) socket.destroy();
      await crowded.stop();
    }
  });

  test('keys that were fetched from an issuer, and how old they are', async () => {
    const key = await issuerKey('ES256', 'live-1');
    const idp = await Idp.start(systemClock(), key);
    const live = {
      name: 'live',
      kind: 'oidc',
      issuer: idp.issuer,
      audience: 'mayfly',
      algorithms: ['ES256'],
      roles: { agent: { sub: 'agent-*' } },
    };
    const trusting = await TestBroker.start({
      terms: { trust: [Workloads.trust('./workloads.jwks.json'), live] },
    });
    try {
      const before = await trusting.get('/metrics', 'auditor');
      expect(before.text).not.toMatch(/^mayfly_issuer_keys_age_seconds\{/m);
      const { status } = await trusting.call('GET', '/v1/tools', { bearer: await idp.token(key) });
      const { text } = await trusting.get('/metrics', 'auditor');
      const age = /^mayfly_issuer_keys_age_seconds\{trust="live"\} ([\d.e-]+)$/m.exec(text)?.[1];
      expect([status, Number(age)]).toEqual([200, expect.any(Number)]);
      expect(Number(age)).toBeLessThan(60);
      expect(text).toMatch(/^mayfly_issuer_fetches_total\{trust="live",outcome="fetched"\} 1$/m);
    } finally {
      await trusting.stop();
      await idp.goDown();
    }
  });

  test('requests that no route takes share one name', async () => {
    const paths = ['/v1/none', '/v1/tasks/a/b/c', '/%00'];
    const [grown] = await growth(['mayfly_http_requests_total{route="none",status="404"}'], () =>
      Promise.all(paths.map((path) => broker.get(path, 'agent-1'))),
    );
    expect(grown).toBe(paths.length);
  });
});

test('no label holds what a caller chose', async () => {
  await broker.openTask({ id: 'task-of-mine', purpose: 'purpose-of-mine' });
  await broker.exchange('agent-77', {
    task_id: 'task-of-mine',
    audience: 'no-such-tool',
    scope: 'no-action',
  });
  await broker.get('/v1/a-path-of-mine?a-query-of-mine=1', 'agent-77');
  await broker.call('PURGE', '/v1/tasks', { as: 'planner' });
  const text = await page();
  for (const chosen of ['of-mine', 'agent-77', 'no-such-tool', 'no-action', 'PURGE', 'planner', '127.0.0.1'])
    expect(text).not.toContain(chosen);
});

test('the signing key, the sweeper and readiness are looked at when somebody asks', async () => {
  expect(await value('mayfly_ready')).toBe(1);
  expect(await value('mayfly_signing_key_age_seconds')).toBeGreaterThanOrEqual(0);
  expect(await value('mayfly_signing_key_rotation_timestamp_seconds')).toBeGreaterThan(Date.now() / 1000);
  expect(await value('mayfly_sweeper_overdue_seconds')).toBeLessThan(1);
  expect(await page()).toMatch(/mayfly_build_info\{version="[\d.]+",node="v[\d.]+",store="embedded"\} 1/);
});

test('what cannot be told now keeps nobody from the rest', async () => {
  const metrics = new PrometheusMetrics();
  metrics.read('ready', () => Promise.reject(new Error('the store is away')));
  metrics.count('limited_total', 'rate');
  const { text } = await metrics.page();
  expect(text).toMatch(/^mayfly_ready Nan$/im);
  expect(text).toContain('mayfly_limited_total{limit="rate"} 1');
});

test('each broker counts for itself, and the process is told by all of them', async () => {
  const [one, other] = [new PrometheusMetrics(), new PrometheusMetrics()];
  one.count('tasks_opened_total');
  expect((await one.page()).text).toContain('mayfly_tasks_opened_total 1');
  expect((await other.page()).text).toContain('mayfly_tasks_opened_total 0');
  for (const { text } of [await one.page(), await other.page()])
    expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds /m);
});

test('what is open to everybody is counted too', async () => {
  const series = 'mayfly_http_requests_total{route="GET /openapi.json",status="200"}';
  const [grown] = await growth([series], () => broker.call('GET', '/openapi.json'));
  expect(grown).toBe(1);
});
