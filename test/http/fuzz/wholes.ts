// Bodies, and queries, whose members go together, as no schema can say: what they lead to would seldom be found by chance.
import { TOKEN_EXCHANGE, TOKEN_TYPE } from '../../../src/wire/token.js';
import { named } from './values.js';

const exchange = {
  grant_type: TOKEN_EXCHANGE,
  subject_token: named('token-agent-1'),
  subject_token_type: TOKEN_TYPE.jwt,
  task_id: named('open-task'),
  audience: 'crm',
};

/** By operation. */
export const WHOLES: Readonly<Record<string, readonly object[]>> = {
  exchangeToken: [
    exchange,
    { ...exchange, subject_token: named('token-bound') },
    {
      ...exchange,
      scope: 'read',
      authorization_details: '[{"type":"mayfly_tool","actions":["read"],"resources":["customers/*"]}]',
      requested_expiry: '60',
    },
  ],
  openTask: ['first', 'second'].map((name) => ({
    id: `${named('open-task')}.${name}`,
    parent: named('open-task'),
    purpose: 'a part of it',
    agents: ['cluster/agent-1'],
    tools: [{ tool: 'crm', actions: ['read'], resources: ['customers/*'] }],
    instance: { kind: 'key' },
    ttl: '1m',
  })),
  extendTask: [{ deadline: new Date(Date.now() + 3_600_000).toISOString() }],
  signalTask: ['untrusted_content', 'anomaly'].map((type) => ({ type, reason: 'read a web page' })),
  introspect: [{ token: named('credential') }, { token: named('bound-credential') }],
  revokeToken: [{ token: named('credential') }],
  revoke: [
    { select: { agent: 'cluster/agent-2' }, reason: 'a fuzz', quarantine: true },
    { select: { lease: named('lease') }, reason: 'a fuzz' },
  ],
};

/** Queries of which the same is true. */
export const WHOLE_QUERIES: Readonly<Record<string, readonly string[]>> = {
  awsCredentials: [`task_id=${named('open-task')}&tool=reports`],
};
