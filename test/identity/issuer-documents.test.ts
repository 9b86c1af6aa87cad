// What an issuer publishes of itself is taken from where it must be, whole, small and soon, or not at all.
import { afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { SECOND_MS } from '../../src/domain/duration.js';
import type { Fetch } from '../../src/identity/document.js';
import { KeySources } from '../../src/identity/key-source.js';
import { type Answer, body, DISCOVERY, type Idp, JWKS, status } from '../fixtures/idp.js';
import { forge, type IssuerKey, issuerKey } from '../fixtures/idp-keys.js';
import { until } from '../fixtures/until.js';
import { accepted, reasonOf, Scene, trustIn } from './scene.js';

const COOL_DOWN_MS = 10 * SECOND_MS;

let key: IssuerKey;
let scene: Scene;
beforeAll(async () => void (key = await issuerKey('ES256', 'one')));
beforeEach(async () => void (scene = await Scene.open(key)));
afterEach(() => scene.close());

const discovery = (members: (issuer: string) => Record<string, unknown>) => (idp: Idp) =>
  idp.misbehave(DISCOVERY, body(JSON.stringify(members(idp.issuer))));
const jwks = (answer: Answer) => (idp: Idp) => idp.misbehave(JWKS, answer);

/** An internet in which every URL answers with what the test says; what was asked for is on record. */
function internet(pages: Record<string, unknown>): { asked: string[]; fetch: Fetch } {
  const asked: string[] = [];
  const fetch = (url: string): Promise<Response> => {
    asked.push(url);
    return Promise.resolve(Response.json(pages[url] ?? {}));
  };
  return { asked, fetch };
}

describe('keys are not taken from an issuer that', () => {
  const large = `{"keys":[],"filler":"${'x'.repeat(256 * 1024)}"}`;

  test.each<[string, (idp: Idp) => void]>([
    [
      'redirects its discovery',
      (idp) => idp.misbehave(DISCOVERY, status(302, { location: `${idp.issuer}/elsewhere` })),
    ],
    ['redirects its JWKS to itself', jwks(status(307, { location: '/other-jwks' }))],
    ['redirects without saying where to', jwks(status(301))],
    [
      'names another issuer',
      discovery((issuer) => ({ issuer: 'https://evil.example', jwks_uri: `${issuer}${JWKS}` })),
    ],
    [
      'names itself with a slash',
      discovery((issuer) => ({ issuer: `${issuer}/`, jwks_uri: `${issuer}${JWKS}` })),
    ],
    ['names no issuer', discovery((issuer) => ({ jwks_uri: `${issuer}${JWKS}` }))],
    [
      'has keys in the clear elsewhere',
      discovery((issuer) => ({ issuer, jwks_uri: 'http://oidc.example/jwks' })),
    ],
    ['has keys in a file', discovery((issuer) => ({ issuer, jwks_uri: 'file:///etc/passwd' }))],
    [
      'has keys in the URL itself',
      discovery((issuer) => ({ issuer, jwks_uri: 'data:application/json,{"keys":[]}' })),
    ],
    ['has keys nowhere', discovery((issuer) => ({ issuer }))],
    ['has keys at no URL', discovery((issuer) => ({ issuer, jwks_uri: '/jwks' }))],
    [
      'says something twice',
      (idp) =>
        idp.misbehave(
          DISCOVERY,
          body(`{"issuer":"${idp.issuer}","jwks_uri":"${idp.issuer}/evil","jwks_uri":"${idp.issuer}/jwks"}`),
        ),
    ],
    ['fails', jwks(status(500))],
    [
      'fails with keys in its answer',
      (idp) => idp.misbehave(JWKS, body(JSON.stringify({ keys: idp.published }), 500)),
    ],
    ['does not know', jwks(status(404))],
    ['says nothing', jwks(status(204))],
    ['answers with a page', jwks(body('<html>Sign in</html>'))],
    ['answers with a list', jwks(body('[]'))],
    ['answers without keys', jwks(body('{"key":[]}'))],
    ['answers with keys that are no list', jwks(body('{"keys":{}}'))],
    ['answers at length', jwks(body(large))],
    [
      'answers at length, packed',
      jwks((response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(large))),
    ],
    ['hangs up', jwks((response) => void response.destroy())],
    ['hangs up half way', jwks((response) => void response.write('{"keys":', () => response.destroy()))],
  ])('%s', async (_, misbehave) => {
    const authenticator = scene.authenticator();
    misbehave(scene.idp);
    expect(await reasonOf(authenticator.authenticate(await scene.idp.token(key)))).toBe('issuer_unavailable');
    expect(scene.idp.requests.filter((path) => path !== DISCOVERY && path !== JWKS)).toEqual([]);

    scene.idp.behave();
    scene.clock.advance(COOL_DOWN_MS);
    await accepted(authenticator.authenticate(await scene.idp.token(key)));
  });

  test.each([
    ['never answers', () => {}],
    ['never finishes its answer', (response: ServerResponse) => void response.write('{')],
  ])('%s within five seconds', async (_, answer) => {
    const outOfTime = new AbortController();
    const timeout = jest.spyOn(AbortSignal, 'timeout').mockReturnValue(outOfTime.signal);
    try {
      scene.idp.misbehave(JWKS, answer);
      const reason = reasonOf(scene.authenticator().authenticate(await scene.idp.token(key)));
      await until('the JWKS is asked for', () => scene.fetches === 1);
      outOfTime.abort(new DOMException('too late', 'TimeoutError'));
      expect(await reason).toBe('issuer_unavailable');
      expect(timeout.mock.calls).toEqual([[5_000], [5_000]]);
    } finally {
      timeout.mockRestore();
    }
  });

  test('speaks plain http and is not on this machine, however it came into the configuration', async () => {
    const { asked, fetch } = internet({});
    const sources = new KeySources(scene.clock, fetch);
    const terms = [
      trustIn('http://oidc.example'),
      trustIn('https://oidc.example', { jwksUri: 'http://oidc.example/jwks' }),
      trustIn('http://127.0.0.1.evil.example'),
    ];
    for (const trust of terms) {
      const token = forge(key, { alg: 'ES256', kid: 'one' }, { ...scene.idp.claims(), iss: trust.issuer });
      const answer = scene.authenticator({}, { trust: [trust], sources }).authenticate(token);
      expect(await reasonOf(answer)).toBe('issuer_unavailable');
    }
    expect(asked).toEqual([]);
  });

  test.each([
    'http://127.0.0.1:9/jwks',
    'https://localhost/jwks',
    'http://[::1]/jwks',
    'http://0x7f000001/jwks',
  ])('is elsewhere and would have us ask this machine: %s', async (jwksUri) => {
    const issuer = 'https://oidc.example';
    const discovered = `${issuer}${DISCOVERY}`;
    const { asked, fetch } = internet({ [discovered]: { issuer, jwks_uri: jwksUri } });
    const token = forge(key, { alg: 'ES256', kid: 'one' }, { ...scene.idp.claims(), iss: issuer });
    const sources = new KeySources(scene.clock, fetch);
    const answer = scene.authenticator({}, { trust: [trustIn(issuer)], sources }).authenticate(token);
    expect(await reasonOf(answer)).toBe('issuer_unavailable');
    expect(asked).toEqual([discovered]);
  });
});
