// Calling a tool with a bound credential: a proof for each request, nonces taken up once, and nothing carried elsewhere.
import { ReadableStream } from 'node:stream/web';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { EmbeddedJWK, jwtVerify } from 'jose';
import { DpopKey, dpopFetch } from '../../src/sdk/client/index.js';
import {
  answering,
  type InPlaceOfBroker as InPlaceOfTool,
  inPlaceOfBroker as inPlaceOfTool,
  type Respond,
} from '../fixtures/in-place-of-broker.js';
import { digested } from '../fixtures/prover.js';

const CREDENTIAL = 'a.bound.credential';
let dpop: DpopKey;
const tools: InPlaceOfTool[] = [];
beforeAll(async () => {
  dpop = await DpopKey.generate();
});
afterEach(() => {
  for (const one of tools.splice(0)) one.close();
});

async function tool(...answers: readonly Respond[]): Promise<InPlaceOfTool> {
  const made = await inPlaceOfTool(...answers);
  tools.push(made);
  return made;
}

const challenge = (nonce: string): Respond =>
  answering(401, {}, { 'www-authenticate': 'DPoP error="use_dpop_nonce"', 'dpop-nonce': nonce });
const good = answering(200, { good: true });

/** The claims of each proof that came, whose signatures are good. */
const proofsAt = ({ seen }: InPlaceOfTool): Promise<Record<string, unknown>[]> =>
  Promise.all(
    seen.map(async ({ headers }) => (await jwtVerify(headers['dpop'] as string, EmbeddedJWK)).payload),
  );

test('a request goes with the credential and a proof for itself, whatever else it goes with', async () => {
  const crm = await tool(good);
  const call = dpopFetch({ dpop, token: () => CREDENTIAL });
  const response = await call(`${crm.url}/customers?name=x#y`, {
    method: 'post',
    headers: { 'content-type': 'text/plain', authorization: 'Bearer another' },
    body: 'who?',
  });
  expect(await response.json()).toEqual({ good: true });
  expect(crm.seen).toMatchObject([
    {
      method: 'POST',
      body: 'who?',
      headers: { authorization: `DPoP ${CREDENTIAL}`, 'content-type': 'text/plain' },
    },
  ]);
  expect(await proofsAt(crm)).toMatchObject([
    { htm: 'POST', htu: `${crm.url}/customers`, ath: digested(CREDENTIAL) },
  ]);
});

const stream = (): RequestInit => ({
  method: 'POST',
  body: new ReadableStream({
    start: (controller) => {
      controller.enqueue(new TextEncoder().encode('x'));
      controller.close();
    },
  }),
  duplex: 'half',
});

describe('a nonce', () => {
  test('that a tool asks for is taken up at once and kept, for that tool alone', async () => {
    const [crm, other] = [await tool(challenge('one'), good), await tool(good)];
    const call = dpopFetch({ dpop, token: CREDENTIAL });
    expect((await call(crm.url, { method: 'PUT', body: 'x' })).status).toBe(200);
    await call(crm.url);
    await call(other.url);
    expect((await proofsAt(crm)).map(({ nonce }) => nonce)).toEqual([undefined, 'one', 'one']);
    expect(crm.seen.map(({ body }) => body)).toEqual(['x', 'x', '']);
    expect((await proofsAt(other)).map(({ nonce }) => nonce)).toEqual([undefined]);
  });

  test('that rides on an answer is used next', async () => {
    const crm = await tool(answering(200, {}, { 'dpop-nonce': 'two' }), good);
    const call = dpopFetch({ dpop, token: CREDENTIAL });
    await call(crm.url);
    await call(crm.url);
    expect((await proofsAt(crm)).map(({ nonce }) => nonce)).toEqual([undefined, 'two']);
  });

  test('that is asked for without end is not given without end', async () => {
    const crm = await tool(challenge('one'), challenge('two'));
    expect((await dpopFetch({ dpop, token: CREDENTIAL })(crm.url)).status).toBe(401);
    expect(crm.seen).toHaveLength(2);
  });

  test.each([
    ['a refusal for another reason', answering(401, {}, { 'www-authenticate': 'DPoP', 'dpop-nonce': 'n' })],
    [
      'a challenge without a nonce',
      answering(401, {}, { 'www-authenticate': 'DPoP error="use_dpop_nonce"' }),
    ],
    ['a fault', answering(500, {}, { 'dpop-nonce': 'n' })],
  ])('%s is not answered with a second try', async (_name, respond) => {
    const crm = await tool(respond);
    await dpopFetch({ dpop, token: CREDENTIAL })(crm.url);
    expect(crm.seen).toHaveLength(1);
  });

  test('is kept, and the challenge given back, where a body was a stream: it is gone', async () => {
    const crm = await tool(challenge('one'), good);
    const call = dpopFetch({ dpop, token: CREDENTIAL });
    expect((await call(crm.url, stream())).status).toBe(401);
    expect((await call(crm.url, stream())).status).toBe(200);
    expect(crm.seen.map(({ body }) => body)).toEqual(['x', 'x']);
  });
});

test('the credential is asked for at each call, and goes nowhere when there is none', async () => {
  const crm = await tool(good);
  const credentials = ['first.one.here', 'second.one.here', ''];
  const call = dpopFetch({ dpop, token: () => credentials.shift()! });
  await call(crm.url);
  await call(crm.url);
  await expect(call(crm.url)).rejects.toMatchObject({ code: 'ERR_TOKEN_SOURCE' });
  expect(crm.seen.map(({ headers }) => headers.authorization)).toEqual([
    'DPoP first.one.here',
    'DPoP second.one.here',
  ]);
});

test('a redirect is not followed', async () => {
  const elsewhere = await tool(good);
  const crm = await tool(answering(307, '', { location: elsewhere.url }));
  expect((await dpopFetch({ dpop, token: CREDENTIAL })(crm.url, { redirect: 'follow' })).status).toBe(307);
  expect(elsewhere.seen).toEqual([]);
});
