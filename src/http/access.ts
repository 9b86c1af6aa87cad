// Who may call what: every route that authenticates, in one table.
import type { AuditAction } from '../audit/event.js';
import type { Role } from '../domain/principal.js';
import { ROLES } from '../domain/principal.js';

export interface Access {
  readonly method: 'get' | 'post' | 'delete';
  readonly path: string;
  /** What the audit log calls it. */
  readonly action: AuditAction;
  /** Any one of these opens the door; whose task or lease it is, is asked behind it. */
  readonly roles: readonly Role[];
  /** `form`: an OAuth endpoint, with OAuth's errors; `json` and `none`: problem details. */
  readonly body: 'none' | 'json' | 'form';
  /** Whether the query says anything. Where it does not, what stands there is refused, as it was meant to say something. */
  readonly query: boolean;
  /** Whether it ends something. No limit is asked before it (invariant 7). */
  readonly kills: boolean;
  /** How many times as large as others its body may be. */
  readonly bodyTimes?: number;
  /** Whose words its errors are in, where the body does not say that. */
  readonly speaks?: 'aws';
  /** Whether a job of a run may knock without a role: the task of its run is asked for behind the door. */
  readonly byRun?: true;
}

const TASK = '/v1/tasks/:id';
const LEASE = '/v1/leases/:id';

export const ACCESS = {
  introspect: on('post', '/introspect', 'token.introspect', ['verifier', 'operator'], 'form'),
  revokeToken: kill('post', '/revoke', 'token.revoke', ['agent', 'operator'], 'form'),

  openTask: on('post', '/v1/tasks', 'task.open', ['orchestrator'], 'json'),
  listTasks: on('get', '/v1/tasks', 'task.list', ['orchestrator', 'operator', 'auditor'], 'none', true),
  readTask: on('get', TASK, 'task.read', ['orchestrator', 'operator', 'auditor']),
  readReceipt: on('get', `${TASK}/receipt`, 'task.receipt', ['orchestrator', 'operator', 'auditor']),
  completeTask: {
    ...kill('post', `${TASK}/complete`, 'task.complete', ['orchestrator', 'operator'], 'json', true),
    byRun: true,
  },
  extendTask: on('post', `${TASK}/extend`, 'task.extend', ['orchestrator'], 'json'),

  /** It ends what it forbids: nothing may hold it back. */
  signalTask: kill('post', `${TASK}/signals`, 'task.signal', ['orchestrator', 'verifier'], 'json'),

  issueCredentials: on('post', `${TASK}/credentials`, 'task.credentials', ['agent'], 'json'),

  awsCredentials: {
    ...on('get', '/aws/credentials', 'token.exchange', ['agent'], 'none', true),
    speaks: 'aws',
  },

  listTools: on('get', '/v1/tools', 'tool.list', ROLES),

  listLeases: on('get', '/v1/leases', 'lease.list', ['agent', 'operator', 'auditor'], 'none', true),
  readLease: on('get', LEASE, 'lease.read', ['agent', 'operator', 'auditor']),
  releaseLease: kill('delete', LEASE, 'lease.release', ['agent', 'operator']),
  /** It kills what is still alive at a target. */
  retryLease: kill('post', `${LEASE}/retry`, 'lease.retry', ['operator']),
  forceLease: on('post', `${LEASE}/force`, 'lease.force', ['operator'], 'json'),
  renewLease: on('post', `${LEASE}/renew`, 'lease.renew', ['agent'], 'json'),

  revoke: kill('post', '/v1/revocations', 'revocation.create', ['operator'], 'json', true),
  readRevocations: on('get', '/v1/revocations', 'feed.read', ['verifier', 'operator', 'auditor']),
  streamRevocations: on('get', '/v1/revocations/stream', 'feed.stream', ['verifier', 'operator', 'auditor']),
  acknowledgeRevocations: on(
    'post',
    '/v1/revocations/acknowledgements',
    'feed.acknowledge',
    ['verifier', 'operator', 'auditor'],
    'json',
  ),
  listVerifiers: on('get', '/v1/verifiers', 'verifier.list', ['operator', 'auditor'], 'none', true),
  recover: kill('post', '/v1/recovery', 'store.recover', ['operator'], 'json', true),
  /** It kills what has no live lease. */
  reconcile: kill('post', '/v1/reconciliations', 'target.reconcile', ['operator'], 'json'),
  listQuarantines: on('get', '/v1/quarantines', 'quarantine.list', ['operator']),
  liftQuarantine: on('delete', '/v1/quarantines/*agent', 'quarantine.lift', ['operator']),

  reportToolCalls: {
    ...on('post', '/v1/audit/tool-calls', 'tool.report', ['verifier'], 'json'),
    bodyTimes: 8,
  },
  readAudit: on('get', '/v1/audit', 'audit.read', ['operator', 'auditor'], 'none', true),
  readMetrics: on('get', '/metrics', 'metrics.read', ['operator', 'auditor']),
} as const satisfies Record<string, Access>;

/** Open to everybody, GET alone. */
export const PUBLIC_PATHS = [
  '/.well-known/oauth-authorization-server',
  '/.well-known/openid-configuration',
  '/jwks',
  '/jwks/feed',
  '/jwks/receipts',
  '/aws/.well-known/openid-configuration',
  '/aws/jwks',
  '/status-lists',
  '/status-lists/:id',
  '/healthz',
  '/readyz',
  '/openapi.json',
] as const;
export type PublicPath = (typeof PUBLIC_PATHS)[number];

export type RouteName = keyof typeof ACCESS;

/** How a refusal is told: OAuth's errors, the words of AWS, or problem details. */
export type Dialect = 'oauth' | 'aws' | 'problem';

export const dialectOf = ({ body, speaks }: Pick<Access, 'body' | 'speaks'>): Dialect =>
  speaks ?? (body === 'form' ? 'oauth' : 'problem');

function on(
  method: Access['method'],
  path: string,
  action: AuditAction,
  roles: Access['roles'],
  body: Access['body'] = 'none',
  query = false,
): Access {
  return { method, path, action, roles, body, query, kills: false };
}

function kill(...route: Parameters<typeof on>): Access {
  return { ...on(...route), kills: true };
}
