// Credentials that are bound to keys, and a broker that is gone: what an MCP server does then.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { DpopKey, MayflyClient, dpopFetch } from '../../../src/sdk/client/index.js';
import { until } from '../../fixtures/until.js';
import { Scene } from './scene.js';

let scene: Scene;
let dpop: DpopKey;
let bound: string;
beforeAll(async () => {
  const soon = { heartbeat: '250ms', maxStalenessMs: 2500 };
  scene = await Scene.start(undefined, { dpop: 'required', name: 'Notes' }, soon);
  dpop = await DpopKey.generate();
  await scene.token('keys');
  const { url, workloads } = scene.broker;
  const agent = new MayflyClient({ url, token: () => workloads.token('agent-1'), dpop });
  bound = (await agent.exchange({ task_id: 'keys', audience: 'notes', scope: 'read' })).access_token;
});
afterAll(() => scene.stop());

const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };

test('where keys are required, the metadata says so', async () => {
  expect(await (await fetch(scene.guarded.metadataUrl)).json()).toMatchObject({
    resource_name: 'Notes',
    dpop_bound_access_tokens_required: true,
    dpop_signing_alg_values_supported: expect.arrayContaining(['ES256']),
  });
});

test('a bound credential works with a proof for each request', async () => {
  const client = await scene.connected({ fetch: dpopFetch({ dpop, token: () => bound }) });
  expect((await client.listTools()).tools).not.toEqual([]);
  await client.callTool({ name: 'search', arguments: {} });
});

test.each([
  ['without a proof', async () => scene.send(bound, ping)],
  [
    'without a proof, under the scheme of proofs',
    async () => scene.send(bound, ping, { authorization: `DPoP ${bound}` }),
  ],
  [
    'with the proof of another key',
    async () => {
      const another = await DpopKey.generate();
      const proof = await another.proof({ method: 'POST', url: scene.url, accessToken: bound });
      return scene.send(bound, ping, { authorization: `DPoP ${bound}`, dpop: proof });
    },
  ],
  [
    'with a proof for what the Host header says',
    async () => {
      const url = scene.url.replace('127.0.0.1', 'localhost');
      const proof = await dpop.proof({ method: 'POST', url, accessToken: bound });
      return scene.send(bound, ping, { authorization: `DPoP ${bound}`, dpop: proof });
    },
  ],
  ['that is bound to no key at all', async () => scene.send(await scene.token('keys'), ping)],
])('a credential %s is refused, with a challenge for a proof', async (_how, answer) => {
  const { status, headers } = await answer();
  expect(status).toBe(401);
  expect(headers.get('www-authenticate')).toMatch(/^DPoP error="invalid_dpop_proof", resource_metadata=/);
});

test('with the broker gone, what runs is ended when nobody knows any more whether it may', async () => {
  const client = await scene.connected({ fetch: dpopFetch({ dpop, token: () => bound }) });
  let heard = 0;
  const waiting = client.callTool({ name: 'wait', arguments: {} }, { onprogress: () => heard++ });
  const ended = waiting.then(
    () => 'answered',
    (error: unknown) => String(error),
  );
  await until('the stream runs', () => heard > 0);
  await scene.broker.halt();
  expect(await ended).toMatch('cannot be checked at this moment');
  expect(scene.stopped).toHaveLength(1);
  const proof = await dpop.proof({ method: 'POST', url: scene.url, accessToken: bound });
  const { status, headers } = await scene.send(bound, ping, { authorization: `DPoP ${bound}`, dpop: proof });
  expect([status, headers.get('retry-after')]).toEqual([503, '1']);
});
