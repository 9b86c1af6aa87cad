// The broker as a web identity of AWS: what it shows to STS is found good by discovery, and is of no use anywhere else.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { JWTPayload } from 'jose';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { TestBroker } from '../fixtures/broker.js';
import { CRM, SEARCH } from '../fixtures/broker-configuration.js';
import { SMALL_ROLE, SmallSts } from '../fixtures/small-sts.js';
import { until } from '../fixtures/until.js';

const AUDIENCE = 'sts.amazonaws.com';
const BY_WEB_IDENTITY = { web_identity: true };
let sts: SmallSts;
let broker: TestBroker;
/** What STS found in the last token that was shown to it, after it had looked at it as STS does. */
let seen: JWTPayload | undefined;

/** By the issuer that it trusts, where that publishes its keys, and by nothing that the token says of itself. */
async function lookAt(asked: URLSearchParams): Promise<void> {
  seen = undefined;
  if (asked.get('Action') !== 'AssumeRoleWithWebIdentity') return;
  const trusted = `${broker.url}/aws`;
  const found = await fetch(`${trusted}/.well-known/openid-configuration`);
  const { issuer, jwks_uri: uri } = (await found.json()) as { issuer: string; jwks_uri: string };
  if (issuer !== trusted) throw new Error('another issuer');
  const options = { issuer, audience: AUDIENCE, algorithms: ['ES256', 'RS256'] };
  const { payload } = await jwtVerify(
    asked.get('WebIdentityToken') ?? '',
    createRemoteJWKSet(new URL(uri)),
    options,
  );
  seen = payload;
}

beforeAll(async () => {
  sts = await SmallSts.start();
  sts.beforeSession = lookAt;
  const tools = {
    crm: CRM,
    search: SEARCH,
    reports: sts.tool({}, BY_WEB_IDENTITY),
    plain: sts.tool({ audience: 'https://plain.example' }),
    bare: sts.tool(
      { audience: 'https://bare.example' },
      { ...BY_WEB_IDENTITY, session_tags: false, source_identity: false },
    ),
  };
  broker = await TestBroker.start({ terms: { tools } });
  await broker.openTask({
    id: 'run-1',
    tools: ['reports', 'plain', 'bare'].map((tool) => ({ tool, actions: ['read'] })),
  });
});
afterAll(async () => {
  await broker.stop();
  await sts.close();
});

const ask = (tool: string, task = 'run-1') => broker.credential('agent-1', { task_id: task, audience: tool });
const shown = (): string => sts.sessions.at(-1)!.get('WebIdentityToken') ?? '';

test('it is for one session of one task and tool, for two minutes, with what trust policies and CloudTrail go by', async () => {
  await broker.openTask({
    id: 'run-1.child',
    parent: 'run-1',
    tools: [{ tool: 'reports', actions: ['read'] }],
  });
  const { lease_id: lease } = await ask('reports', 'run-1.child');
  expect(seen).toEqual({
    iss: `${broker.url}/aws`,
    aud: AUDIENCE,
    sub: 'tool:reports:task:run-1',
    jti: lease,
    iat: expect.any(Number),
    exp: seen!.iat! + 120,
    'https://aws.amazon.com/tags': {
      principal_tags: {
        mayfly_lease: [lease],
        mayfly_task: ['run-1.child'],
        mayfly_root_task: ['run-1'],
        mayfly_agent: ['cluster/agent-1'],
        mayfly_tool: ['reports'],
      },
      transitive_tag_keys: [],
    },
    'https://aws.amazon.com/source_identity': lease,
  });
  const asked = sts.sessions.at(-1)!;
  expect(Object.fromEntries(asked)).toMatchObject({
    Action: 'AssumeRoleWithWebIdentity',
    RoleArn: SMALL_ROLE,
    RoleSessionName: lease,
    DurationSeconds: '900',
    Policy: expect.stringContaining('s3:GetObject'),
  });
  // It is the token that says them.
  expect([...asked.keys()].filter((name) => /^(Tags|SourceIdentity)/.test(name))).toEqual([]);
});

test('it says nothing of tags and source identity where the tool has none, and nothing is shown where it does not say so', async () => {
  await ask('bare');
  expect(Object.keys(seen!).filter((name) => name.startsWith('https:'))).toEqual([]);
  await ask('plain');
  expect(sts.sessions.at(-1)!.get('Action')).toBe('AssumeRole');
  expect(shown()).toBe('');
});

test('it is no workload token, and no credential of ours; its keys sign nothing else, and are found nowhere else', async () => {
  await ask('reports');
  const token = shown();
  const reply = await broker.call('GET', '/v1/tools', { bearer: token });
  expect(reply.status).toBe(401);
  expect(await broker.auditOf(reply)).toMatchObject([{ reason: 'own_credential' }]);
  expect(await broker.introspect(token)).toEqual({ active: false });
  const { kid = '' } = decodeProtectedHeader(token);
  const kids = async (path: string): Promise<string[]> =>
    (await broker.call<{ keys: { kid: string }[] }>('GET', path)).body.keys.map((key) => key.kid);
  expect(await kids('/aws/jwks')).toContain(kid);
  for (const path of ['/jwks', '/jwks/feed', '/jwks/receipts']) expect(await kids(path)).not.toContain(kid);
});

test('a credential of the agent is nothing to STS', async () => {
  const { access_token: credential } = await broker
    .openTask({ id: 'run-2' })
    .then(() => broker.credential('agent-1', { task_id: 'run-2', audience: 'crm' }));
  await expect(
    lookAt(new URLSearchParams({ Action: 'AssumeRoleWithWebIdentity', WebIdentityToken: credential })),
  ).rejects.toThrow(/no applicable key/);
});

test('a key that is killed signs no more, is published no more, and another one takes its place', async () => {
  await ask('reports');
  const { kid = '' } = decodeProtectedHeader(shown());
  await broker.kill({ key: kid });
  await until('its successor signs', async () => {
    await ask('reports').catch(() => undefined);
    return seen !== undefined && decodeProtectedHeader(shown()).kid !== kid;
  });
  const { text, headers } = await broker.call('GET', '/aws/jwks');
  expect(text).not.toContain(kid);
  expect(headers.get('cache-control')).toMatch(/^public, max-age=\d+$/);
});
