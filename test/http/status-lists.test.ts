// Status lists over HTTP, as a verifier uses them that knows nothing of us: metadata, keys, the claim, the list, its bit.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';
import { TestBroker } from '../fixtures/broker.js';
import { bitOf, statusOf } from '../fixtures/status-list.js';

let broker: TestBroker;
let plain: TestBroker;
const { now } = performance;
beforeAll(async () => {
  broker = await TestBroker.start({ terms: { status_list: { ttl: '10s' } } });
  plain = await TestBroker.start();
});
afterAll(async () => {
  performance.now = now;
  await Promise.all([broker.stop(), plain.stop()]);
});

const credential = async (task: string) => {
  await broker.openTask({ id: task });
  return broker.credential('agent-1', { task_id: task, audience: 'crm' });
};

async function bitIn({ uri, idx }: { readonly uri: string; readonly idx: number }): Promise<number> {
  const response = await fetch(uri, { headers: { accept: 'application/statuslist+jwt' } });
  expect([response.status, response.headers.get('content-type')]).toEqual([
    200,
    'application/statuslist+jwt',
  ]);
  const keys = createRemoteJWKSet(new URL(`${broker.url}/jwks`));
  const { payload } = await jwtVerify(await response.text(), keys, {
    typ: 'statuslist+jwt',
    subject: uri,
    requiredClaims: ['iat', 'exp', 'ttl'],
  });
  return bitOf((payload['status_list'] as { lst: string }).lst, idx);
}

/** Half of the ttl passes for whoever looks at the clock. */
const later = (): void => {
  const before = performance.now.bind(performance);
  performance.now = () => before() + 5000;
};

test('a credential names its list and its bit there, which tells that it is dead within the ttl', async () => {
  const { access_token: token, lease_id: lease } = await credential('run-1');
  const other = statusOf((await credential('run-2')).access_token);
  const status = statusOf(token);
  expect(status.uri).toMatch(`${broker.url}/status-lists/`);
  expect([await bitIn(status), await bitIn(other)]).toEqual([0, 0]);
  const renewed = await broker.renew(lease, 'agent-1');
  expect(statusOf(renewed.body.access_token)).toEqual(status);
  await broker.complete('run-1');
  later();
  expect([await bitIn(status), await bitIn(other)]).toEqual([1, 0]);
});

test('caches are told how long to keep it, and that nothing newer is there', async () => {
  const { uri } = statusOf((await credential('run-3')).access_token);
  const first = await fetch(uri);
  const etag = first.headers.get('etag')!;
  expect(first.headers.get('cache-control')).toMatch(/^public, max-age=[0-5]$/);
  expect(first.headers.get('access-control-allow-origin')).toBe('*');
  for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
    const again = await broker.call('GET', new URL(uri).pathname, { headers: { 'if-none-match': known } });
    expect([again.status, again.text, again.headers.get('etag')]).toEqual([304, '', etag]);
    expect(again.headers.get('content-length')).toBeNull();
  }
  const changed = await fetch(uri, { headers: { 'if-none-match': '"other"' } });
  expect([changed.status, await changed.text()]).toEqual([200, await first.text()]);
  expect((await fetch(uri, { method: 'HEAD' })).headers.get('etag')).toBe(etag);
});

test('metadata names the address of all lists', async () => {
  const { uri } = statusOf((await credential('run-4')).access_token);
  const metadata = (await (await fetch(`${broker.url}/.well-known/oauth-authorization-server`)).json()) as {
    status_list_aggregation_endpoint: string;
  };
  const all = await (await fetch(metadata.status_list_aggregation_endpoint)).json();
  expect(all).toEqual({ status_lists: expect.arrayContaining([uri]) });
});

test('introspection and revocation take such a credential as they take any', async () => {
  const { access_token: token } = await credential('run-5');
  const { status } = decodeJwt(token);
  expect(await broker.introspect(token)).toMatchObject({ active: true, status });
});

test('where none are configured, no credential says anything of them, and nothing is there', async () => {
  await plain.openTask({ id: 'run-1' });
  const { access_token: token } = await plain.credential('agent-1', { task_id: 'run-1', audience: 'crm' });
  expect(decodeJwt(token)).not.toHaveProperty('status');
  for (const path of ['/status-lists', '/status-lists/0', '/status-lists/0-1'])
    expect((await plain.call('GET', path)).status).toBe(404);
  const { body } = await plain.call('GET', '/.well-known/oauth-authorization-server');
  expect(body).not.toHaveProperty('status_list_aggregation_endpoint');
  expect(await plain.audit({ limit: '5' })).not.toContainEqual(
    expect.objectContaining({ action: 'request' }),
  );
});
