// Every status that the contract has for a route is provoked at a running broker, and the answer is as documented.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { openApiDocument } from '../../src/http/openapi/document.js';
import { leaseId } from '../../src/domain/ids.js';
import { TestBroker } from '../fixtures/broker.js';
import type { Asked, Reply } from '../fixtures/broker-client.js';
import { TASK } from '../fixtures/broker-client.js';
import { CRM, SEARCH } from '../fixtures/broker-configuration.js';
import { giveUpLeases } from '../fixtures/given-up.js';
import { SmallSts } from '../fixtures/small-sts.js';
import { statusOf } from '../fixtures/status-list.js';
import { toolCalls } from '../fixtures/tool-calls.js';
import { until } from '../fixtures/until.js';
import type { Operation } from './contract-document.js';
import { Contract } from './contract-document.js';

const contract = new Contract(openApiDocument({ issuer: 'https://mayfly.example', version: '0.0.0' }));

interface Sample {
  /** A subject that may call it, and one that is known and may not. */
  readonly as?: string;
  readonly wrongRole?: string;
  readonly path: string;
  readonly json?: unknown;
  readonly form?: Record<string, string>;
}

/** What is provoked by a request of its own; the rest is provoked alike everywhere. */
type Provocations = Readonly<Record<number, () => Promise<Reply<unknown>>>>;

const ABSENT_LEASE = leaseId(0, 0, '0'.repeat(16));
const LIMITED = { limits: { requests_per_principal: { per_second: 0.01, burst: 1 } } };
const TERMS = { http: { body_limit: '4KiB', drain_timeout: '5s' } };
const LISTING = { status_list: { ttl: '60s' } };

let sts: SmallSts;
let broker: TestBroker;
/** Serves one request of each principal, and no more. */
let limited: TestBroker;
let lease: string;
let token: string;
/** Irrevocable. */
let retried: string;
let forced: string;

const giveUpTwo = async (folder: string): Promise<void> => {
  [retried = '', forced = ''] = await giveUpLeases(folder, 2);
};

beforeAll(async () => {
  sts = await SmallSts.start();
  const tools = { crm: CRM, search: SEARCH, reports: sts.tool() };
  broker = await TestBroker.start({ terms: { ...TERMS, ...LISTING, tools }, before: giveUpTwo });
  limited = await TestBroker.start({ terms: { ...TERMS, ...LIMITED } });
  await broker.openTask({ id: 'run-1' });
  await broker.openTask({ id: 'run-aws', tools: [{ tool: 'reports', actions: ['read'] }] });
  const issued = await broker.credential('agent-1', { task_id: 'run-1', audience: 'crm' });
  ({ lease_id: lease, access_token: token } = issued);
});
afterAll(async () => {
  await Promise.all([broker.stop(), limited.stop()]);
  await sts.close();
});

const newTask = (id: string): object => ({ ...TASK, id });

/** A request that is served, by the id of its operation. */
const SAMPLES: Readonly<Record<string, () => Sample>> = {
  exchangeToken: () => ({
    path: '/token',
    form: broker.exchangeForm('agent-1', { task_id: 'run-1', audience: 'crm' }),
  }),
  introspect: () => ({ as: 'gateway', wrongRole: 'agent-1', path: '/introspect', form: { token } }),
  revokeToken: () => ({ as: 'agent-2', wrongRole: 'gateway', path: '/revoke', form: { token } }),
  openTask: () => ({ as: 'planner', wrongRole: 'agent-1', path: '/v1/tasks', json: newTask('run-1') }),
  listTasks: () => ({ as: 'planner', wrongRole: 'agent-1', path: '/v1/tasks' }),
  readTask: () => ({ as: 'planner', wrongRole: 'agent-1', path: '/v1/tasks/run-1' }),
  readReceipt: () => ({ as: 'planner', wrongRole: 'agent-1', path: '/v1/tasks/run-1/receipt' }),
  completeTask: () => ({ as: 'planner', wrongRole: 'agent-1', path: '/v1/tasks/run-1/complete', json: {} }),
  extendTask: () => ({
    as: 'planner',
    wrongRole: 'agent-1',
    path: '/v1/tasks/run-1/extend',
    json: { ttl: '30m' },
  }),
  signalTask: () => ({
    as: 'planner',
    wrongRole: 'agent-1',
    path: '/v1/tasks/run-1/signals',
    json: { type: 'untrusted_content', reason: 'read a web page' },
  }),
  issueCredentials: () => ({
    as: 'agent-1',
    wrongRole: 'planner',
    path: '/v1/tasks/run-1/credentials',
    json: { credentials: [{ audience: 'crm', scope: 'read' }, { audience: 'none' }] },
  }),
  awsCredentials: () => ({
    as: 'agent-1',
    wrongRole: 'planner',
    path: '/aws/credentials?task_id=run-aws&tool=reports',
  }),
  listTools: () => ({ as: 'agent-1', wrongRole: 'nobody', path: '/v1/tools' }),
  listLeases: () => ({ as: 'agent-1', wrongRole: 'planner', path: '/v1/leases' }),
  readLease: () => ({ as: 'agent-1', wrongRole: 'planner', path: `/v1/leases/${lease}` }),
  releaseLease: () => ({ as: 'agent-1', wrongRole: 'planner', path: `/v1/leases/${lease}` }),
  renewLease: () => ({ as: 'agent-1', wrongRole: 'planner', path: `/v1/leases/${lease}/renew`, json: {} }),
  retryLease: () => ({ as: 'operator', wrongRole: 'auditor', path: `/v1/leases/${lease}/retry` }),
  forceLease: () => ({
    as: 'operator',
    wrongRole: 'agent-1',
    path: `/v1/leases/${lease}/force`,
    json: { reason: 'a test' },
  }),
  revoke: () => ({
    as: 'operator',
    wrongRole: 'planner',
    path: '/v1/revocations',
    json: { select: { agent: 'cluster/agent-5' }, reason: 'a test' },
  }),
  readRevocations: () => ({ as: 'gateway', wrongRole: 'agent-1', path: '/v1/revocations' }),
  streamRevocations: () => ({ as: 'gateway', wrongRole: 'agent-1', path: '/v1/revocations/stream' }),
  acknowledgeRevocations: () => ({
    as: 'gateway',
    wrongRole: 'agent-1',
    path: '/v1/revocations/acknowledgements',
    json: { stream: 'x'.repeat(16), epoch: 'e', as_of: 1 },
  }),
  listVerifiers: () => ({ as: 'auditor', wrongRole: 'planner', path: '/v1/verifiers' }),
  recover: () => ({ as: 'operator', wrongRole: 'planner', path: '/v1/recovery', json: { reason: 'a test' } }),
  reconcile: () => ({
    as: 'operator',
    wrongRole: 'auditor',
    path: '/v1/reconciliations',
    json: { tool: 'crm' },
  }),
  listQuarantines: () => ({ as: 'operator', wrongRole: 'planner', path: '/v1/quarantines' }),
  liftQuarantine: () => ({
    as: 'operator',
    wrongRole: 'planner',
    path: '/v1/quarantines/cluster/agent-5',
  }),
  reportToolCalls: () => ({
    as: 'crm-api',
    wrongRole: 'agent-1',
    path: '/v1/audit/tool-calls',
    json: toolCalls('crm'),
  }),
  statusList: () => ({ path: new URL(statusOf(token).uri).pathname }),
  readAudit: () => ({ as: 'auditor', wrongRole: 'planner', path: '/v1/audit' }),
  readMetrics: () => ({ as: 'auditor', wrongRole: 'planner', path: '/metrics' }),
};

const call = ({ method }: Operation, { path, ...asked }: Asked & { path: string }, at = broker) =>
  at.call<unknown>(method, path, asked);

const exchange = (parameters: Record<string, string>) => broker.exchange('agent-1', parameters);
const live = async (): Promise<string> =>
  (await broker.credential('agent-1', { task_id: 'run-1', audience: 'crm' })).lease_id;

const takeUp = (id: string, how: string, json?: object) =>
  broker.call<unknown>('POST', `/v1/leases/${id}/${how}`, { as: 'operator', ...(json && { json }) });

const ofClosed = async (below: string, json: object) => {
  await broker.openTask({ id: 'closed' });
  await broker.complete('closed');
  return broker.post(`/v1/tasks/closed${below}`, 'planner', json);
};

const statusList = async (headers: Record<string, string> = {}) =>
  broker.call<unknown>('GET', new URL(statusOf(token).uri).pathname, { headers });

const OWN: Readonly<Record<string, Provocations>> = {
  exchangeToken: { 400: () => exchange({ audience: 'crm' }) },
  openTask: {
    200: () => broker.openTask({ id: 'run-1' }),
    201: () => broker.openTask({ id: 'run-2' }),
    404: () => broker.openTask({ id: 'none.child', parent: 'none' }),
    409: () => broker.openTask({ id: 'run-1', purpose: 'another' }),
  },
  extendTask: {
    404: () => broker.post('/v1/tasks/none/extend', 'planner', { ttl: '30m' }),
    409: () => ofClosed('/extend', { ttl: '30m' }),
  },
  signalTask: {
    404: () => broker.post('/v1/tasks/none/signals', 'planner', { type: 'anomaly' }),
    409: () => ofClosed('/signals', { type: 'anomaly' }),
  },
  readTask: { 404: () => broker.get('/v1/tasks/none', 'planner') },
  issueCredentials: {
    404: () => broker.post('/v1/tasks/%20/credentials', 'agent-1', { credentials: [{ audience: 'crm' }] }),
  },
  awsCredentials: {
    400: () => broker.get('/aws/credentials?task_id=run-aws&no-such=1', 'agent-1'),
    404: () => broker.get('/aws/credentials?task_id=none&tool=reports', 'agent-1'),
    409: async () => {
      await broker.openTask({ id: 'aws-over', tools: [{ tool: 'reports', actions: ['read'] }] });
      await broker.complete('aws-over');
      return broker.get('/aws/credentials?task_id=aws-over&tool=reports', 'agent-1');
    },
  },
  readReceipt: {
    200: async () => {
      await broker.openTask({ id: 'run-over' });
      await broker.complete('run-over');
      return broker.get('/v1/tasks/run-over/receipt', 'planner');
    },
    404: () => broker.get('/v1/tasks/none/receipt', 'planner'),
    409: () => broker.get('/v1/tasks/run-1/receipt', 'planner'),
  },
  completeTask: {
    200: async () => {
      await broker.openTask({ id: 'run-3' });
      return broker.complete('run-3');
    },
    404: () => broker.complete('none'),
  },
  readLease: { 404: () => broker.get(`/v1/leases/${ABSENT_LEASE}`, 'agent-1') },
  releaseLease: {
    200: async () => broker.release(await live(), 'agent-1'),
    404: () => broker.release(ABSENT_LEASE, 'agent-1'),
  },
  renewLease: {
    200: async () => broker.renew(await live(), 'agent-1'),
    404: () => broker.renew(ABSENT_LEASE, 'agent-1'),
    409: async () => {
      const ended = await live();
      await broker.release(ended, 'agent-1');
      return broker.renew(ended, 'agent-1');
    },
  },
  retryLease: {
    202: () => takeUp(retried, 'retry'),
    404: () => takeUp(ABSENT_LEASE, 'retry'),
    409: () => takeUp(lease, 'retry'),
  },
  forceLease: {
    200: () => takeUp(forced, 'force', { reason: 'dropped by hand' }),
    404: () => takeUp(ABSENT_LEASE, 'force', { reason: 'a test' }),
    409: () => takeUp(lease, 'force', { reason: 'a test' }),
  },
  revokeToken: {
    200: async () => {
      const { access_token: own } = await broker.credential('agent-1', { task_id: 'run-1', audience: 'crm' });
      return broker.call('POST', '/revoke', { as: 'agent-1', form: { token: own } });
    },
  },
  revoke: {
    200: () =>
      broker.post('/v1/revocations?preview=true', 'operator', { select: { all: true }, reason: 'a test' }),
    202: () => broker.kill({ agent: 'cluster/agent-5' }, { quarantine: true }),
  },
  recover: {
    200: () => broker.post('/v1/recovery', 'operator', { reason: 'a test', keep_tasks: true }),
    202: () => withTimeFlying(() => broker.post('/v1/recovery', 'operator', { reason: 'a test' })),
  },
  reconcile: { 404: () => broker.post('/v1/reconciliations', 'operator', { tool: 'none' }) },
  reportToolCalls: {
    202: () => broker.post('/v1/audit/tool-calls', 'crm-api', toolCalls('crm')),
    404: () => broker.post('/v1/audit/tool-calls', 'crm-api', toolCalls('search')),
  },
  statusLists: { 404: () => limited.call('GET', '/status-lists') },
  statusList: {
    304: async () => statusList({ 'if-none-match': (await statusList()).headers.get('etag')! }),
    404: () => broker.call('GET', '/status-lists/0-1'),
  },
  liftQuarantine: {
    200: async () => {
      await broker.kill({ agent: 'cluster/agent-5' }, { quarantine: true });
      return broker.call('DELETE', '/v1/quarantines/cluster/agent-5', { as: 'operator' });
    },
    404: () => broker.call('DELETE', '/v1/quarantines/cluster/none', { as: 'operator' }),
  },
};

/** Every look at the clock finds it some seconds later, so that what stops after a while stops. */
async function withTimeFlying<Result>(work: () => Promise<Result>): Promise<Result> {
  for (let index = 0; index < 80; index++) await broker.openTask({ id: `many-${index}` });
  const { now } = performance;
  let ahead = 0;
  performance.now = () => now.call(performance) + (ahead += 3000);
  try {
    return await work();
  } finally {
    performance.now = now;
  }
}

/** What is provoked alike at every route that documents it. */
function alike(operation: Operation, sample: Sample): Provocations {
  const { as, wrongRole, path, form, json } = sample;
  const type = form ? 'application/x-www-form-urlencoded' : 'application/json';
  const raw = (body: string, contentType: string) =>
    call(operation, {
      path,
      ...(as !== undefined && { as }),
      raw: body,
      headers: { 'content-type': contentType },
    });
  return {
    200: () => call(operation, sample),
    400: () =>
      form || json !== undefined
        ? raw(form ? 'a=1&a=2' : '{', type)
        : call(operation, { ...sample, path: `${path}?no-such=1` }),
    401: () => call(operation, { path, ...(form && { form }), ...(json !== undefined && { json }) }),
    403: () => call(operation, { ...sample, as: wrongRole! }),
    413: () => raw('x'.repeat(operation.operationId === 'reportToolCalls' ? 40_000 : 5000), type),
    415: () => raw('hello', 'text/plain'),
    429: async () => {
      await call(operation, sampleAt(limited, sample), limited);
      return call(operation, sampleAt(limited, sample), limited);
    },
    503: () => whileLeaving(operation, sample),
  };
}

/** The same request by a token that the other broker takes. */
const sampleAt = (other: TestBroker, sample: Sample): Sample =>
  sample.form && 'subject_token' in sample.form
    ? { ...sample, form: other.exchangeForm('agent-1', { task_id: 'run-1', audience: 'crm' }) }
    : sample;

/** A request that had begun when the broker was told to stop, and was there only afterwards. */
async function whileLeaving(
  { method }: Operation,
  { path, as, form, json }: Sample,
): Promise<Reply<unknown>> {
  const leaving = await TestBroker.start({ terms: TERMS });
  const { port, host } = new URL(leaving.url);
  const body = form ? new URLSearchParams(form).toString() : json === undefined ? '' : JSON.stringify(json);
  const socket = await opened(Number(port));
  let received = '';
  let ended = false;
  socket
    .setEncoding('utf8')
    .on('data', (text: string) => (received += text))
    .on('close', () => (ended = true));
  socket.write(`${method} ${path} HTTP/1.1\r\n`);
  await until('it arrived', async () => (await fetch(`${leaving.url}/healthz`)).ok);
  const halted = leaving.halt();
  await until('the door is shut', () =>
    opened(Number(port)).then(
      (one) => void one.destroy(),
      () => true,
    ),
  );
  const lines = [
    `host: ${host}`,
    ...(as === undefined ? [] : [`authorization: Bearer ${leaving.workloads.token(as)}`]),
    `content-type: ${form ? 'application/x-www-form-urlencoded' : 'application/json'}`,
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`);
  await until('it is answered', () => ended);
  await halted;
  await leaving.stop();
  return replyIn(received);
}

function opened(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => resolve(socket.on('error', () => {})));
    socket.once('error', reject);
  });
}

function replyIn(received: string): Reply<unknown> {
  const [head = '', text = ''] = received.split('\r\n\r\n');
  const [first = '', ...lines] = head.split('\r\n');
  const headers = new Map(lines.map((line) => line.split(': ') as [string, string]));
  return {
    status: Number(first.split(' ')[1]),
    headers: { get: (name) => headers.get(name) ?? null },
    text,
    body: undefined,
  };
}

const OPEN_SAMPLE = ({ path }: Operation): Sample => ({ path });

describe.each(contract.operations.map((operation) => [operation.name, operation] as const))(
  '%s',
  (_name, operation) => {
    const statuses = Object.keys(operation.responses).filter((status) => status !== 'default');

    test.each(statuses.map(Number))('answers %i as documented', async (status) => {
      const sample = (SAMPLES[operation.operationId] ?? (() => OPEN_SAMPLE(operation)))();
      const provoke = OWN[operation.operationId]?.[status] ?? alike(operation, sample)[status];
      if (!provoke) throw new Error(`nothing here provokes ${status}`);
      const reply = await provoke();
      expect([reply.status, ...contract.flawsIn(operation, reply)]).toEqual([status]);
    });

    test('answers what is no request that can be read as documented', async () => {
      const headers = Object.fromEntries(Array.from({ length: 70 }, (_, index) => [`x-${index}`, '1']));
      const { path } = (SAMPLES[operation.operationId] ?? (() => OPEN_SAMPLE(operation)))();
      const reply = await call(operation, { path, headers });
      expect([reply.status, ...contract.flawsIn(operation, reply, 'default')]).toEqual([431]);
    });
  },
);

test('what is not documented is noticed', async () => {
  const operation = contract.operation('readTask');
  const good = await broker.get('/v1/tasks/run-1', 'planner');
  const { text, headers } = good;
  const without = (gone: string) => ({ get: (name: string) => (name === gone ? null : headers.get(name)) });
  const flaws = [
    { ...good, status: 418 },
    { ...good, headers: without('x-request-id') },
    { ...good, headers: without('cache-control') },
    { ...good, headers: { get: (name: string) => (name === 'retry-after' ? '1' : headers.get(name)) } },
    {
      ...good,
      headers: { get: (name: string) => (name === 'content-type' ? 'text/html' : headers.get(name)) },
    },
    { ...good, text: text.replace('{', '{"more":1,') },
    { ...good, text: text.replace(/"state":"\w+"/, '"state":"ajar"') },
  ].map((reply) => contract.flawsIn(operation, reply).length);
  expect([contract.flawsIn(operation, good).length, ...flaws]).toEqual([0, 1, 1, 1, 1, 1, 1, 1]);
});
