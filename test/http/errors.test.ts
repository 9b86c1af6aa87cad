// Every refusal of every route: its form, its one event, and that it tells nobody what is not theirs to know.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { RefusalReason } from '../../src/domain/refusal.js';
import type { Access, RouteName } from '../../src/http/access.js';
import { ACCESS, dialectOf } from '../../src/http/access.js';
import { TestBroker } from '../fixtures/broker.js';
import type { AnyBody, Asked, Reply } from '../fixtures/broker-client.js';
import { expectRefusal, withoutRequestId } from '../fixtures/broker-refusals.js';
import { giveUpLeases } from '../fixtures/given-up.js';
import { toolCalls } from '../fixtures/tool-calls.js';

/** RFC 9449 §7.2: the other way to show a token. */
const BY_PROOF = 'DPoP algs="ES256 ES384 ES512 RS256 RS384 RS512 PS256 PS384 PS512 Ed25519 EdDSA"';

let broker: TestBroker;
let lease: string;
let token: string;
/** Irrevocable. */
let retried: string;
let forced: string;

const giveUpTwo = async (folder: string): Promise<void> => {
  [retried = '', forced = ''] = await giveUpLeases(folder, 2);
};

beforeAll(async () => {
  broker = await TestBroker.start({ terms: { http: { body_limit: '2KiB' } }, before: giveUpTwo });
  await broker.openTask({ id: 'run-1', agents: ['cluster/agent-1', 'cluster/agent-2'] });
  ({ lease_id: lease, access_token: token } = await broker.credential('agent-1', {
    task_id: 'run-1',
    audience: 'crm',
  }));
});
afterAll(() => broker.stop());

interface Sample {
  /** A subject that may call it. */
  readonly as: string;
  /** One that is known and may not. */
  readonly wrongRole?: string;
  readonly path: () => string;
  /** A body that is understood. */
  readonly json?: AnyBody;
  readonly form?: () => Record<string, string>;
  /** Where an id in the path names nothing, and something of somebody else's. */
  readonly absent?: { readonly path: string; readonly reason: RefusalReason };
  readonly foreign?: { readonly as: string; readonly path: () => string; readonly reason: RefusalReason };
  readonly malformed?: { readonly json: unknown; readonly flaws: readonly string[] };
  readonly badQuery?: { readonly query: string; readonly flaws: readonly string[] };
}

const ABSENT_LEASE = `/v1/leases/lease_${'0'.repeat(28)}`;
const task = (more = ''): string => `/v1/tasks/run-1${more}`;
const leaseAt = (more = ''): string => `/v1/leases/${lease}${more}`;
const foreignTask = (more = ''): NonNullable<Sample['foreign']> => ({
  as: 'planner-2',
  path: () => task(more),
  reason: 'task_not_yours',
});
const foreignLease = (more = ''): NonNullable<Sample['foreign']> => ({
  as: 'agent-2',
  path: () => leaseAt(more),
  reason: 'lease_not_yours',
});

const SAMPLES: Readonly<Record<RouteName, Sample>> = {
  introspect: { as: 'crm-api', wrongRole: 'agent-1', path: () => '/introspect', form: () => ({ token }) },
  revokeToken: { as: 'agent-2', wrongRole: 'crm-api', path: () => '/revoke', form: () => ({ token }) },
  openTask: {
    as: 'planner',
    wrongRole: 'agent-1',
    path: () => '/v1/tasks',
    json: { purpose: 'p', agents: ['cluster/a'], tools: [{ tool: 'crm', actions: ['read'] }], ttl: 60 },
    malformed: {
      json: {
        id: 'a..b',
        agents: [],
        tools: [{ tool: 'crm', actions: [''] }],
        ttl: 'soon',
        labels: { A: 'x' },
        more: 1,
      },
      flaws: ['id', 'purpose', 'agents', 'tools[0].actions[0]', 'ttl', 'labels.A', ''],
    },
  },
  listTasks: {
    as: 'planner',
    wrongRole: 'agent-1',
    path: () => '/v1/tasks',
    badQuery: { query: 'state=shut&limit=201&after=..', flaws: ['state', 'after', 'limit'] },
  },
  readTask: {
    as: 'planner',
    wrongRole: 'agent-1',
    path: () => task(),
    absent: { path: '/v1/tasks/none', reason: 'task_unknown' },
    foreign: foreignTask(),
  },
  readReceipt: {
    as: 'planner',
    wrongRole: 'agent-1',
    path: () => task('/receipt'),
    absent: { path: '/v1/tasks/none/receipt', reason: 'task_unknown' },
    foreign: foreignTask('/receipt'),
  },
  completeTask: {
    as: 'planner',
    wrongRole: 'agent-1',
    path: () => task('/complete'),
    json: {},
    absent: { path: '/v1/tasks/none/complete', reason: 'task_unknown' },
    foreign: foreignTask('/complete'),
    malformed: { json: { outcome: 'expired', reason: '', why: 1 }, flaws: ['outcome', 'reason', ''] },
    badQuery: { query: 'wait=for-ever', flaws: ['wait'] },
  },
  extendTask: {
    as: 'planner',
    wrongRole: 'operator',
    path: () => task('/extend'),
    json: { ttl: '20m' },
    absent: { path: '/v1/tasks/none/extend', reason: 'task_unknown' },
    foreign: foreignTask('/extend'),
    malformed: { json: { ttl: 'soon', deadline: 'later', more: 1 }, flaws: ['ttl', 'deadline', ''] },
  },
  signalTask: {
    as: 'planner',
    wrongRole: 'operator',
    path: () => task('/signals'),
    json: { type: 'untrusted_content' },
    absent: { path: '/v1/tasks/none/signals', reason: 'task_unknown' },
    foreign: foreignTask('/signals'),
    malformed: { json: { type: 'Un-trusted', reason: '', more: 1 }, flaws: ['type', 'reason', ''] },
  },
  awsCredentials: {
    as: 'agent-1',
    wrongRole: 'planner',
    path: () => '/aws/credentials',
    absent: { path: '/aws/credentials?task_id=none&tool=crm', reason: 'task_unknown' },
    foreign: {
      as: 'agent-3',
      path: () => '/aws/credentials?task_id=run-1&tool=crm',
      reason: 'agent_not_in_manifest',
    },
    badQuery: { query: 'task_id=..&tool=', flaws: ['task_id', 'tool'] },
  },
  issueCredentials: {
    as: 'agent-1',
    wrongRole: 'planner',
    path: () => task('/credentials'),
    json: { credentials: [{ audience: 'crm' }] },
    malformed: {
      json: { credentials: [{ scope: 1, more: 1 }], more: 1 },
      flaws: ['credentials[0].scope', 'credentials[0]', ''],
    },
  },
  readRevocations: { as: 'crm-api', wrongRole: 'agent-1', path: () => '/v1/revocations' },
  streamRevocations: { as: 'crm-api', wrongRole: 'agent-1', path: () => '/v1/revocations/stream' },
  acknowledgeRevocations: {
    as: 'crm-api',
    wrongRole: 'agent-1',
    path: () => '/v1/revocations/acknowledgements',
    json: { stream: 'x'.repeat(16), epoch: 'e', as_of: 1 },
    malformed: {
      json: { stream: '?', epoch: 1, as_of: -1, more: 1 },
      flaws: ['stream', 'epoch', 'as_of', ''],
    },
  },
  listVerifiers: {
    as: 'auditor',
    wrongRole: 'agent-1',
    path: () => '/v1/verifiers',
    badQuery: { query: 'since=yesterday', flaws: ['since'] },
  },
  readMetrics: { as: 'auditor', wrongRole: 'agent-1', path: () => '/metrics' },
  listTools: { as: 'agent-1', wrongRole: 'nobody', path: () => '/v1/tools' },
  listLeases: {
    as: 'agent-1',
    wrongRole: 'planner',
    path: () => '/v1/leases',
    badQuery: { query: 'state=gone&after=x&limit=0', flaws: ['state', 'after', 'limit'] },
  },
  readLease: {
    as: 'agent-1',
    wrongRole: 'planner',
    path: () => leaseAt(),
    absent: { path: ABSENT_LEASE, reason: 'lease_unknown' },
    foreign: foreignLease(),
  },
  releaseLease: {
    as: 'agent-1',
    wrongRole: 'planner',
    path: () => leaseAt(),
    absent: { path: ABSENT_LEASE, reason: 'lease_unknown' },
    foreign: foreignLease(),
  },
  renewLease: {
    as: 'agent-1',
    wrongRole: 'operator',
    path: () => leaseAt('/renew'),
    json: {},
    absent: { path: `${ABSENT_LEASE}/renew`, reason: 'lease_unknown' },
    foreign: foreignLease('/renew'),
    malformed: { json: { requested_expiry: 0.5, ttl: 1 }, flaws: ['requested_expiry', ''] },
  },
  retryLease: {
    as: 'operator',
    wrongRole: 'auditor',
    path: () => `/v1/leases/${retried}/retry`,
    absent: { path: `${ABSENT_LEASE}/retry`, reason: 'lease_unknown' },
  },
  forceLease: {
    as: 'operator',
    wrongRole: 'agent-1',
    path: () => `/v1/leases/${forced}/force`,
    json: { reason: 'a test' },
    absent: { path: `${ABSENT_LEASE}/force`, reason: 'lease_unknown' },
    malformed: { json: { reason: '', by: 'me' }, flaws: ['reason', ''] },
  },
  revoke: {
    as: 'operator',
    wrongRole: 'planner',
    path: () => '/v1/revocations',
    json: { select: { agent: 'cluster/none' }, reason: 'a test' },
    malformed: {
      json: { select: { agent: 'a', task: 'b' }, quarantine: 1 },
      flaws: ['select', 'reason', 'quarantine'],
    },
    badQuery: { query: 'preview=maybe', flaws: ['preview'] },
  },
  recover: {
    as: 'operator',
    wrongRole: 'planner',
    path: () => '/v1/recovery',
    json: { reason: 'a test' },
    malformed: {
      json: { keep_tasks: 1, cutoff: 'now', more: 1 },
      flaws: ['reason', 'keep_tasks', 'cutoff', ''],
    },
    badQuery: { query: 'preview=maybe', flaws: ['preview'] },
  },
  reconcile: {
    as: 'operator',
    wrongRole: 'auditor',
    path: () => '/v1/reconciliations',
    json: {},
    malformed: { json: { tool: 'a b', more: 1 }, flaws: ['tool', ''] },
  },
  listQuarantines: { as: 'operator', wrongRole: 'auditor', path: () => '/v1/quarantines' },
  liftQuarantine: {
    as: 'operator',
    wrongRole: 'auditor',
    path: () => '/v1/quarantines/cluster/none',
    absent: { path: '/v1/quarantines/cluster/none', reason: 'quarantine_unknown' },
  },
  reportToolCalls: {
    as: 'crm-api',
    wrongRole: 'agent-1',
    path: () => '/v1/audit/tool-calls',
    json: toolCalls('crm'),
    malformed: {
      json: { batch: 'a b', dropped: -1, calls: [{ tool: '', outcome: 'lost' }], more: 1 },
      flaws: ['batch', 'dropped', 'calls[0].at', 'calls[0].tool', 'calls[0].outcome', ''],
    },
  },
  readAudit: {
    as: 'auditor',
    wrongRole: 'planner',
    path: () => '/v1/audit',
    badQuery: { query: 'after=-1&limit=many', flaws: ['after', 'limit'] },
  },
};

const routes = (Object.entries(ACCESS) as [RouteName, Access][]).map(
  ([name, access]): [name: RouteName, access: Access, sample: Sample] => [name, access, SAMPLES[name]],
);
/** Routes of which this holds; jest shows their names. */
const where = (holds: (access: Access, sample: Sample) => unknown) =>
  routes.filter(([, access, sample]) => holds(access, sample));

/** What a refusal is called in the words of whoever asks. */
type Called = Readonly<Record<ReturnType<typeof dialectOf>, string>>;
const UNAUTHENTICATED: Called = {
  oauth: 'invalid_client',
  aws: 'UnrecognizedClientException',
  problem: 'unauthenticated',
};
const FORBIDDEN: Called = {
  oauth: 'unauthorized_client',
  aws: 'AccessDeniedException',
  problem: 'forbidden',
};
const NOT_FOUND: Called = { oauth: 'invalid_target', aws: 'ResourceNotFoundException', problem: 'not-found' };
const METHOD: Called = { oauth: 'invalid_request', aws: 'UnknownOperationException', problem: 'method' };

const ask = (
  { method }: Access,
  { path, json, form }: Sample,
  asked: Asked & { readonly path?: string } = {},
): Promise<Reply<AnyBody>> =>
  broker.call(method.toUpperCase(), asked.path ?? path(), {
    ...(json && { json }),
    ...(form && { form: form() }),
    ...asked,
  });

const flawsIn = ({ body }: Reply<AnyBody>): string[] =>
  'Message' in body
    ? [...(body['Message'] as string).matchAll(/(?:\. |; )(\w+): /g)].map(([, at = '']) => at)
    : (body['flaws'] as { at: string }[]).map(({ at }) => at);

describe('who calls', () => {
  test.each(routes)('%s: nobody is told to say who they are', async (_name, access, sample) => {
    const reply = await ask(access, sample);
    const dialect = dialectOf(access);
    const error = UNAUTHENTICATED[dialect];
    await expectRefusal(broker, reply, { status: 401, error, dialect, reason: 'token_missing' });
    expect(reply.headers.get('www-authenticate')).toBe(`Bearer realm="mayfly", ${BY_PROOF}`);
  });

  test.each(routes)('%s: a token that is none is not accepted', async (_name, access, sample) => {
    const reply = await ask(access, sample, { bearer: 'garbage' });
    const dialect = dialectOf(access);
    const error = UNAUTHENTICATED[dialect];
    await expectRefusal(broker, reply, { status: 401, error, dialect, reason: 'token_malformed' });
    const challenge = reply.headers.get('www-authenticate');
    expect(challenge).toBe(`Bearer realm="mayfly", error="invalid_token", ${BY_PROOF}`);
  });

  test.each(routes)('%s: a credential of ours is no workload token', async (_name, access, sample) => {
    const reply = await ask(access, sample, { bearer: token });
    const dialect = dialectOf(access);
    const error = UNAUTHENTICATED[dialect];
    await expectRefusal(broker, reply, { status: 401, error, dialect, reason: 'own_credential' });
  });

  test.each(where((_access, { wrongRole }) => wrongRole))(
    '%s: a role that is not for it does not open the door',
    async (_name, access, sample) => {
      const reply = await ask(access, sample, { as: sample.wrongRole! });
      const dialect = dialectOf(access);
      const error = FORBIDDEN[dialect];
      await expectRefusal(broker, reply, { status: 403, error, dialect, reason: 'role_missing' });
    },
  );
});

describe('whose it is', () => {
  test.each(where((_access, { absent }) => absent))(
    '%s: what is not there is not found',
    async (_name, access, sample) => {
      const { path, reason } = sample.absent!;
      const dialect = dialectOf(access);
      const reply = await ask(access, sample, { as: sample.as, path });
      await expectRefusal(broker, reply, { status: 404, error: NOT_FOUND[dialect], dialect, reason });
    },
  );

  test.each(where((_access, { foreign }) => foreign))(
    "%s: somebody else's looks as if it were not there",
    async (_name, access, sample) => {
      const { as, path, reason } = sample.foreign!;
      const dialect = dialectOf(access);
      const foreign = await ask(access, sample, { as, path: path() });
      await expectRefusal(broker, foreign, { status: 404, error: NOT_FOUND[dialect], dialect, reason });
      const absent = await ask(access, sample, { as, path: sample.absent!.path });
      expect(withoutRequestId(foreign)).toBe(withoutRequestId(absent));
    },
  );

  test.each(['no..task', 'a'.repeat(65), 'a.b.c.d.e.f.g.h.i', '%00', 'lease_1'])(
    'what cannot be an id is no id of anything: %s',
    async (id) => {
      const asTask = await broker.get(`/v1/tasks/${id}`, 'planner');
      await expectRefusal(broker, asTask, {
        status: 404,
        error: 'not-found',
        dialect: 'problem',
        reason: 'task_unknown',
      });
      const asLease = await broker.get(`/v1/leases/${id}`, 'agent-1');
      await expectRefusal(broker, asLease, {
        status: 404,
        error: 'not-found',
        dialect: 'problem',
        reason: 'lease_unknown',
      });
    },
  );
});

describe('what is sent', () => {
  const malformed = {
    status: 400,
    error: 'malformed',
    dialect: 'problem',
    reason: 'request_malformed',
  } as const;
  const malformedAt = (access: Access) =>
    dialectOf(access) === 'aws'
      ? ({ ...malformed, error: 'ValidationError', dialect: 'aws' } as const)
      : malformed;

  test.each(where((_access, sample) => sample.malformed))(
    '%s: a body is told all that is wrong with it',
    async (_name, access, sample) => {
      const { json, flaws } = sample.malformed!;
      const reply = await ask(access, sample, { as: sample.as, json });
      await expectRefusal(broker, reply, malformed);
      expect(flawsIn(reply).toSorted()).toEqual(flaws.toSorted());
    },
  );

  test.each(where((_access, sample) => sample.badQuery))(
    '%s: a query is told all that is wrong with it',
    async (_name, access, sample) => {
      const { query, flaws } = sample.badQuery!;
      const reply = await ask(access, sample, { as: sample.as, path: `${sample.path()}?${query}` });
      await expectRefusal(broker, reply, malformedAt(access));
      expect(flawsIn(reply).toSorted()).toEqual(flaws.toSorted());
    },
  );

  test.each(where(({ body }) => body !== 'form'))(
    '%s: a parameter that it does not know is refused, for it was meant to say something',
    async (_name, access, sample) => {
      const reply = await ask(access, sample, { as: sample.as, path: `${sample.path()}?preveiw=true` });
      await expectRefusal(broker, reply, malformedAt(access));
    },
  );

  test.each(where(({ query }) => query))(
    '%s: a parameter that is given twice is refused',
    async (_name, access, sample) => {
      const name = sample.badQuery!.query.split('=')[0]!;
      const good = { state: 'active', wait: '1s', preview: 'true', after: '1', task_id: 'run-1' }[name]!;
      const path = `${sample.path()}?${name}=${good}&${name}=${good}`;
      await expectRefusal(broker, await ask(access, sample, { as: sample.as, path }), malformedAt(access));
    },
  );

  test.each(where(({ body }) => body === 'json'))(
    '%s: only JSON is understood',
    async (_name, access, sample) => {
      for (const type of [
        'text/plain',
        'application/x-www-form-urlencoded',
        'application/jsonp',
        undefined,
      ]) {
        const headers = type === undefined ? {} : { 'content-type': type };
        // Bytes, for which fetch makes up no type.
        const raw = Buffer.from('{}');
        const reply = await ask(access, sample, { as: sample.as, raw, headers });
        const reason = 'media_type_unsupported';
        await expectRefusal(broker, reply, { status: 415, error: 'media-type', dialect: 'problem', reason });
      }
    },
  );

  test.each(where(({ body }) => body === 'form'))(
    '%s: only forms are understood',
    async (_name, access, sample) => {
      const reply = await ask(access, sample, { as: sample.as, json: { token } });
      const reason = 'media_type_unsupported';
      await expectRefusal(broker, reply, { status: 415, error: 'invalid_request', dialect: 'oauth', reason });
    },
  );

  test.each(where(({ body }) => body !== 'none'))(
    '%s: a body over the limit is too large',
    async (_name, access, sample) => {
      const dialect = dialectOf(access);
      const headers = {
        'content-type': dialect === 'oauth' ? 'application/x-www-form-urlencoded' : 'application/json',
      };
      const error = dialect === 'oauth' ? 'invalid_request' : 'too-large';
      for (const bytes of [2048 * (access.bodyTimes ?? 1) + 1, 300_000]) {
        const reply = await ask(access, sample, { as: sample.as, raw: 'x'.repeat(bytes), headers });
        await expectRefusal(broker, reply, { status: 413, error, dialect, reason: 'body_too_large' });
      }
    },
  );

  test.each<[what: string, text: string | Buffer]>([
    ['cut off', '{"purpose": '],
    ['a member twice', '{"purpose": "a", "purpose": "b"}'],
    ['nested too deeply', '{"labels":'.repeat(40) + '1' + '}'.repeat(40)],
    ['not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ['a prototype', '{"__proto__": {"ttl": 60}}'],
  ])('JSON that can be read in two ways, or in none, is not read: %s', async (_what, raw) => {
    const headers = { 'content-type': 'application/json' };
    const reply = await broker.call('POST', '/v1/tasks', { as: 'planner', raw, headers });
    await expectRefusal(broker, reply, { ...malformed, reason: 'body_not_readable' });
  });

  test.each([[[]], ['text'], [1], [null]])('JSON that is no object is malformed: %j', async (json) => {
    await expectRefusal(broker, await broker.post('/v1/tasks', 'planner', json), malformed);
  });

  test.each(where(({ body }) => body === 'form'))(
    '%s: unknown parameters are ignored, repeated ones refused (RFC 6749 §3.2)',
    async (_name, access, sample) => {
      const once = [
        ...Object.entries(sample.form!()),
        ['token_type_hint', 'access_token'],
        ['more', '1'],
      ] as [string, string][];
      const ignored = await ask(access, sample, { as: sample.as, form: once });
      expect(ignored.status).toBe(200);
      const twice = await ask(access, sample, { as: sample.as, form: [...once, ['more', '2']] });
      const refusal = { error: 'invalid_request', dialect: 'oauth', reason: 'request_malformed' } as const;
      await expectRefusal(broker, twice, { status: 400, ...refusal });
      const without = await ask(access, sample, { as: sample.as, form: { token: '' } });
      await expectRefusal(broker, without, { status: 400, ...refusal });
    },
  );
});

describe('where it is sent', () => {
  test.each(routes)(
    '%s: another method is refused, and the right ones are named',
    async (_name, access, sample) => {
      const dialect = dialectOf(access);
      const reply = await broker.call('PUT', sample.path());
      const error = METHOD[dialect];
      await expectRefusal(broker, reply, { status: 405, error, dialect, reason: 'method_not_allowed' });
      expect(reply.headers.get('allow')!.split(', ')).toContain(access.method.toUpperCase());
    },
  );

  test.each([
    ['/token', 'POST'],
    ['/jwks', 'GET, HEAD'],
    ['/healthz', 'GET, HEAD'],
    ['/readyz', 'GET, HEAD'],
    ['/.well-known/oauth-authorization-server', 'GET, HEAD'],
    ['/.well-known/openid-configuration', 'GET, HEAD'],
  ])('%s allows %s', async (path, allow) => {
    const dialect = path === '/token' ? 'oauth' : 'problem';
    const error = path === '/token' ? 'invalid_request' : 'method';
    const reply = await broker.call('DELETE', path);
    await expectRefusal(broker, reply, { status: 405, error, dialect, reason: 'method_not_allowed' });
    expect(reply.headers.get('allow')).toBe(allow);
  });

  test.each([
    '/',
    '/v1',
    '/v1/tasks/',
    '/V1/tasks',
    '/v1/tasks/a/b/c',
    '/token/',
    '/v1/%',
    '/v1/tasks/%ff',
    '//v1/tasks',
  ])('there is nothing at %s, and that somebody looked is on record', async (path) => {
    const reply = await broker.get(path, 'planner');
    await expectRefusal(broker, reply, {
      status: 404,
      error: 'not-found',
      dialect: 'problem',
      reason: 'route_unknown',
    });
  });

  test('a token in an address is not written down', async () => {
    const secret = broker.workloads.token('agent-1');
    const reply = await broker.get(`/v1/introspect/${secret}`, 'gateway');
    const [event] = await broker.auditOf(reply);
    expect(JSON.stringify(event)).not.toContain(secret.slice(-60));
  });
});
