// Introspection believes the lease: a signature of ours alone makes nothing alive.
import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { AuditEntry } from '../../src/audit/entry.js';
import type { Broker } from '../../src/broker.js';
import { requestId } from '../../src/domain/ids.js';
import type { Lease } from '../../src/domain/lease.js';
import type { VerifiedPrincipal } from '../../src/domain/principal.js';
import { composeCompact } from '../../src/jws/compact.js';
import { signSync } from '../../src/jws/signature.js';
import { introspect } from '../../src/revocation/introspect.js';

const ISSUER = 'https://mayfly.example';
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const lease = {
  id: 'lease_'.padEnd(34, '0'),
  taskId: 'run-1',
  agent: 'cluster/agent-1',
  tool: 'crm',
  plane: 'data',
  audience: 'https://crm.example',
  actions: ['read'],
  state: 'active',
} as unknown as Lease;
let held = lease;
const broker = {
  issuer: ISSUER,
  keys: { byId: () => ({ kid: 'k', algorithm: 'ES256', publicKey }) },
  store: { readLease: () => Promise.resolve(held), now: () => Promise.resolve(1000) },
} as unknown as Broker;
const operator = { roles: [{ role: 'operator' }] } as unknown as VerifiedPrincipal;

const claims = {
  iss: ISSUER,
  jti: lease.id,
  sub: lease.agent,
  task_id: lease.taskId,
  tool: lease.tool,
  plane: lease.plane,
  aud: lease.audience,
  scope: 'read',
  exp: 60,
};
const active = async (said: object): Promise<boolean> => {
  const token = composeCompact({ alg: 'ES256', typ: 'at+jwt', kid: 'k' }, { ...claims, ...said }, (input) =>
    signSync('ES256', privateKey, input),
  );
  return (await introspect(broker, operator, token, new AuditEntry(requestId(), 'token.introspect'))).active;
};

test('what the lease says is alive', async () => {
  expect(await active({})).toBe(true);
});

test.each([
  { sub: 'cluster/agent-2' },
  { task_id: 'run-2' },
  { tool: 'search' },
  { plane: 'tool' },
  { aud: 'https://search.example' },
  { scope: 'read write' },
  { cnf: { jkt: 'a key that the lease does not know' } },
])('what it does not say is not, although a key of ours signed it: %o', async (said) => {
  expect(await active(said)).toBe(false);
});

test.each([
  [{ cnf: { jkt: 'the key' } }, true],
  [{ cnf: { jkt: 'another key' } }, false],
  [{ cnf: {} }, false],
  [{}, false],
])('of a lease that is bound to a key, %j alive: %s', async (said, alive) => {
  held = { ...lease, jkt: 'the key' };
  try {
    expect(await active(said)).toBe(alive);
  } finally {
    held = lease;
  }
});
