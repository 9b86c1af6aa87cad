// Examples of the contract: one story, of one task and its credential. Typed, so that none is of another form than we answer.
import type { AuditEventView } from '../../wire/audit.js';
import type { LeaseView } from '../../wire/leases.js';
import type { Jwks, Metadata } from '../../wire/published.js';
import type { RecoveryView } from '../../wire/recovery.js';
import type { Acknowledgement, FeedSnapshot, VerifierList } from '../../wire/feed.js';
import type { QuarantineView, RevocationView } from '../../wire/revocations.js';
import type { OpenTaskRequest, SignalView, TaskView } from '../../wire/tasks.js';
import { TOKEN_EXCHANGE, TOKEN_TYPE } from '../../wire/token.js';
import type { TokenResponse } from '../../wire/token-response.js';
import type { ToolCallsRequest } from '../../wire/tool-calls.js';
import type { ToolView } from '../../wire/tools.js';

const TASK_ID = 'run-42';
const LEASE_ID = 'lease_01m80y37e00j9wav9djnzn0h182t';
export const AGENT = 'cluster/agent-7';
export const REQUEST_ID = 'req_01m80y37m8yhqd9tje6jc3';
const POLICY_DIGEST = 'qcfqKuRdN-JXuJqAmH8ieuXzxLQghU7wF0bp6SpjC6Q';
const DETAILS = [{ type: 'mayfly_tool', actions: ['read'], resources: ['customers/42'] }] as const;
/** Tokens are shortened. */
const TOKEN = 'eyJhbGciOiJFUzI1NiJ9…';

export const newTask: OpenTaskRequest = {
  id: TASK_ID,
  purpose: 'Summarise customer 42',
  agents: [AGENT],
  tools: [{ tool: 'crm', actions: ['read'], resources: ['customers/42'] }],
  ttl: '15m',
  labels: { team: 'sales' },
};

export const openTask: TaskView = {
  id: TASK_ID,
  state: 'open',
  purpose: newTask.purpose,
  orchestrator: 'cluster/planner',
  agents: newTask.agents,
  tools: [{ tool: 'crm', actions: ['read'], resources: ['customers/42'] }],
  labels: { team: 'sales' },
  opened_at: '2026-11-22T06:11:32.901Z',
  deadline: '2026-11-22T06:26:32.901Z',
  leases: { reserved: 0, active: 1, revoking: 0, revoked: 0, expired: 0, irrevocable: 0 },
};

const { leases: _counts, ...uncounted } = openTask;

export const completedTask: TaskView = {
  ...uncounted,
  state: 'settled',
  outcome: 'completed',
  closed_at: '2026-11-22T06:11:59.114Z',
  closed_by: 'cluster/planner',
  reason: 'report sent',
  settled_at: '2026-11-22T06:11:59.114Z',
};

export const extendedTask: TaskView = { ...uncounted, deadline: '2026-11-22T06:41:33.004Z' };

export const signal: SignalView = {
  task_id: TASK_ID,
  type: 'untrusted_content',
  added: true,
  signals: ['untrusted_content'],
  ended_leases: 1,
};

export const exchange = {
  grant_type: TOKEN_EXCHANGE,
  subject_token: TOKEN,
  subject_token_type: TOKEN_TYPE.jwt,
  task_id: TASK_ID,
  audience: 'crm',
  scope: 'read',
  requested_expiry: '120',
};

export const credential: TokenResponse = {
  access_token: TOKEN,
  issued_token_type: TOKEN_TYPE.accessToken,
  token_type: 'Bearer',
  expires_in: 119,
  scope: 'read',
  authorization_details: DETAILS,
  lease_id: LEASE_ID,
  task_id: TASK_ID,
  revocation: 'pushed',
};

export const liveIntrospection = {
  active: true,
  token_type: 'Bearer',
  iss: 'https://mayfly.example',
  sub: AGENT,
  aud: 'https://crm.example',
  exp: 1795328012,
  iat: 1795327892,
  nbf: 1795327892,
  jti: LEASE_ID,
  client_id: AGENT,
  scope: 'read',
  task_id: TASK_ID,
  tool: 'crm',
  plane: 'data',
  authorization_details: DETAILS,
};

export const liveLease: LeaseView = {
  id: LEASE_ID,
  task_id: TASK_ID,
  agent: AGENT,
  tool: 'crm',
  plane: 'data',
  kind: 'jwt',
  revocation: 'pushed',
  audience: 'https://crm.example',
  scope: 'read',
  authorization_details: DETAILS,
  issued_at: '2026-11-22T06:11:53.866Z',
  expires_at: '2026-11-22T06:13:53.000Z',
  state: 'active',
  policy_digest: POLICY_DIGEST,
  request_id: REQUEST_ID,
};

export const releasedLease: LeaseView = {
  ...liveLease,
  state: 'revoked',
  ended: {
    at: '2026-11-22T06:11:57.875Z',
    cause: 'lease',
    name: LEASE_ID,
    reason: 'released',
    request_id: 'req_01m80y3vwhxgxz8bk4tbm8',
  },
  confirmed_at: '2026-11-22T06:11:57.875Z',
};

export const tool: ToolView = {
  name: 'crm',
  plane: 'data',
  audience: 'https://crm.example',
  actions: ['read', 'write'],
  sensitivity: 'confidential',
  max_ttl_seconds: 300,
  renewable: true,
  require_dpop: false,
  kind: 'jwt',
};

export const newRevocation = { select: { agent: AGENT }, reason: 'looked odd', quarantine: true };

export const kill: RevocationView = {
  select: { agent: AGENT },
  preview: false,
  dead: 1,
  settling: 0,
  at: '2026-11-22T06:11:53.833Z',
  cutoff: '2026-11-22T06:11:53.833Z',
  reason: 'looked odd',
  quarantined: true,
};

export const killPreview: RevocationView = { select: { agent: AGENT }, preview: true, dead: 1, settling: 0 };

export const feedSnapshot: FeedSnapshot = {
  feed: 'nJ3vQb0yH2Zp6s1a',
  epoch: '0b6f6a52-7d0e-4e0f-9a53-4f6a3d8f2c11',
  version: 42,
  as_of: 1_764_385_200_000,
  parts: ['eyJhbGciOiJFUzI1NiIsInR5cCI6Im1heWZseS1mZWVkK2p3dCJ9…'],
};

export const feedAcknowledgement: Acknowledgement = {
  stream: 'Zm9vYmFyYmF6cXV4',
  epoch: feedSnapshot.epoch,
  as_of: feedSnapshot.as_of,
};

export const verifiers: VerifierList = {
  connected: 3,
  applied: 3,
  verifiers: [{ principal: 'cluster/crm-api', connected: 3, applied: 3, oldest: '2026-11-29T03:00:00.000Z' }],
};

export const quarantine: QuarantineView = {
  agent: AGENT,
  since: '2026-11-22T06:11:53.833Z',
  by: 'cluster/operator',
  reason: 'looked odd',
};

export const newRecovery = { reason: 'restored the backup of 03:00' };

export const recovery: RecoveryView = {
  preview: false,
  cutoff: '2026-11-23T03:52:05.112Z',
  reason: newRecovery.reason,
  dead: 100_000,
  settling: 0,
  tasks_closed: 3800,
  done: false,
  quarantines: [],
  signing_keys: [
    {
      kid: 'kzl5DMYF5Ux3RsZR4bOEMpLQwVBJ4T7VPgT1wVyGVjM',
      created_at: '2026-11-23T03:52:01.218Z',
      signs_from: '2026-11-23T03:52:01.213Z',
    },
  ],
};

export const refusedEvent: AuditEventView = {
  sequence: 23,
  at: '2026-11-22T06:11:33.129Z',
  request_id: REQUEST_ID,
  action: 'token.exchange',
  outcome: 'refused',
  reason: 'task_closed',
  principal: AGENT,
  task_id: TASK_ID,
  tool: 'crm',
  detail: { actions: ['read'], policy: POLICY_DIGEST, why: 'the task is settled' },
};

export const newToolCalls: ToolCallsRequest = {
  batch: 'crm-1-00041',
  calls: [
    {
      at: '2026-11-22T06:11:34.006Z',
      tool: 'crm',
      action: 'read',
      resource: 'customers/42',
      outcome: 'accepted',
      lease: LEASE_ID,
      task: TASK_ID,
      agent: AGENT,
    },
    {
      at: '2026-11-22T06:11:59.121Z',
      tool: 'crm',
      action: 'read',
      resource: 'customers/42',
      outcome: 'refused',
      reason: 'revoked',
      lease: LEASE_ID,
      task: TASK_ID,
      agent: AGENT,
    },
  ],
};

const ISSUER = 'https://mayfly.example';

export const metadata: Metadata = {
  issuer: ISSUER,
  token_endpoint: `${ISSUER}/token`,
  jwks_uri: `${ISSUER}/jwks`,
  introspection_endpoint: `${ISSUER}/introspect`,
  revocation_endpoint: `${ISSUER}/revoke`,
  mayfly_feed_endpoint: `${ISSUER}/v1/revocations/stream`,
  mayfly_feed_jwks_uri: `${ISSUER}/jwks/feed`,
  mayfly_receipt_jwks_uri: `${ISSUER}/jwks/receipts`,
  grant_types_supported: [TOKEN_EXCHANGE],
  response_types_supported: [],
  token_endpoint_auth_methods_supported: ['none'],
  introspection_endpoint_auth_methods_supported: ['Bearer', 'DPoP'],
  revocation_endpoint_auth_methods_supported: ['Bearer', 'DPoP'],
  authorization_details_types_supported: ['mayfly_tool'],
  dpop_signing_alg_values_supported: ['ES256', 'Ed25519'],
  subject_types_supported: ['public'],
  id_token_signing_alg_values_supported: ['ES256'],
  scopes_supported: [],
};

export const keys: Jwks = {
  keys: [
    {
      kty: 'EC',
      crv: 'P-256',
      x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
      y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
      kid: recovery.signing_keys[0]!.kid,
      alg: 'ES256',
      use: 'sig',
    },
  ],
};
