// Where clusters and trust domains keep their keys, as real servers on loopback: TLS, tokens and bundles that change.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { freePort } from '../../../examples/demo/port.js';
import { Refusal } from '../../../src/domain/refusal.js';
import { Authenticator } from '../../../src/identity/authenticate.js';
import { KeySources } from '../../../src/identity/key-source.js';
import type { KubernetesTrust, SpiffeTrust, TrustedIssuer } from '../../../src/identity/trust.js';
import { MINUTE_MS, SECOND_MS } from '../../../src/domain/duration.js';
import { SettableClock } from '../../contract/store/harness.js';
import { forge, type IssuerKey, issuerKey } from '../../fixtures/idp-keys.js';
import { makeCertificates } from '../../fixtures/redis/certificates.js';
import { noReplays, OWN_ISSUER } from '../scene.js';

const terms = {
  audiences: ['mayfly'],
  clockToleranceMs: 30 * SECOND_MS,
  maxTokenAgeMs: 24 * 60 * MINUTE_MS,
  oneTime: false,
};

const certificates = makeCertificates();
const otherAuthority = makeCertificates();

type Page = (request: IncomingMessage) => {
  status?: number;
  body?: unknown;
  headers?: Record<string, string>;
};

/** A server that answers as the test says, and remembers what it was asked, and with which authority. */
class Place {
  readonly asked: { path: string; authorization: string | undefined }[] = [];
  readonly pages = new Map<string, Page>();
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(): Promise<Place> {
    const server = createServer({ key: certificates.key, cert: certificates.certificate });
    const place = new Place(server);
    server.on('request', (request, response) => {
      const path = request.url ?? '';
      place.asked.push({ path, authorization: request.headers.authorization });
      const { status = 200, body = '', headers = {} } = place.pages.get(path)?.(request) ?? { status: 404 };
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    });
    const port = await freePort();
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    return place;
  }

  get url(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  renew(tls: { key: string; certificate: string }): void {
    this.#server.setSecureContext({ key: tls.key, cert: tls.certificate });
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

let clock: SettableClock;
let folder: string;
let keys: readonly [IssuerKey, IssuerKey, IssuerKey, IssuerKey];
const opened: Place[] = [];

beforeAll(async () => {
  keys = [
    await issuerKey('RS256', 'one'),
    await issuerKey('RS256', 'two'),
    await issuerKey('ES256', 'svid'),
    await issuerKey('ES256', 'svid'),
  ];
});
beforeEach(() => {
  clock = new SettableClock();
  folder = mkdtempSync(join(tmpdir(), 'mayfly-keys-'));
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((place) => place.close()));
  rmSync(folder, { recursive: true, force: true });
});
const open = async (): Promise<Place> => {
  const place = await Place.open();
  opened.push(place);
  return place;
};
const file = (name: string, content: unknown): string => {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
};
const trusting = (...trust: TrustedIssuer[]): Authenticator =>
  new Authenticator({
    trust,
    ownIssuer: OWN_ISSUER,
    sources: new KeySources(clock),
    clock,
    store: noReplays,
  });
const answer = async (by: Authenticator, token: string): Promise<string> => {
  const given = await by.authenticate(token);
  return given instanceof Refusal ? `${given.reason}: ${given.detail}` : given.name;
};
const now = (): number => Math.floor(clock.now() / 1000);
let serial = 0;

describe('a cluster', () => {
  const CLUSTER = 'https://kubernetes.default.svc.cluster.local';
  const JWKS = '/openid/v1/jwks';
  const NAME = 'cluster/system:serviceaccount:agents:agent-7';

  const token = (key: IssuerKey, issuer = CLUSTER): string =>
    forge(
      key,
      { alg: 'RS256', kid: key.kid },
      {
        iss: issuer,
        aud: ['mayfly'],
        sub: 'system:serviceaccount:agents:agent-7',
        iat: now(),
        exp: now() + 3600,
        jti: String(++serial),
        'kubernetes.io': { namespace: 'agents', serviceaccount: { name: 'agent-7', uid: 'u' } },
      },
    );
  const cluster = (more: Partial<KubernetesTrust>): KubernetesTrust => ({
    ...terms,
    name: 'cluster',
    kind: 'kubernetes',
    issuer: CLUSTER,
    algorithms: ['RS256'],
    roles: [{ grant: { role: 'agent' }, claims: [{ claim: 'namespace', anyOf: ['agents'] }] }],
    ...more,
  });
  /** As an API server answers: to whoever shows a token that it knows, and to nobody else. */
  const apiServer = async (known: { bearer: string; keys: IssuerKey[] }): Promise<Place> => {
    const place = await open();
    place.pages.set(JWKS, ({ headers }) =>
      headers.authorization === `Bearer ${known.bearer}`
        ? { body: { keys: known.keys.map(({ jwk }) => jwk) } }
        : { status: 401, body: { kind: 'Status', reason: 'Unauthorized' } },
    );
    return place;
  };

  test('gives its keys over TLS, to its own authority and our token', async () => {
    const known = { bearer: 'eyJ.first.token', keys: [keys[0]] };
    const place = await apiServer(known);
    const by = trusting(
      cluster({
        jwksUri: `${place.url}${JWKS}`,
        caFile: file('ca.crt', certificates.ca),
        tokenFile: file('token', 'eyJ.first.token\n'),
      }),
    );
    expect(await answer(by, token(keys[0]))).toBe(NAME);
    expect(place.asked).toEqual([{ path: JWKS, authorization: 'Bearer eyJ.first.token' }]);
  });

  test('is shown the token that is in the file then: it was replaced, as kubelets do', async () => {
    const known = { bearer: 'first', keys: [keys[0]] };
    const place = await apiServer(known);
    const tokenFile = file('token', 'first');
    const by = trusting(
      cluster({ jwksUri: `${place.url}${JWKS}`, caFile: file('ca.crt', certificates.ca), tokenFile }),
    );
    expect(await answer(by, token(keys[0]))).toBe(NAME);
    file('token', 'second');
    Object.assign(known, { bearer: 'second', keys: [keys[1]] });
    clock.advance(11 * SECOND_MS);
    expect(await answer(by, token(keys[1]))).toBe(NAME);
    expect(await answer(by, token(keys[0]))).toMatch(/^key_unknown/);
    expect(place.asked.map(({ authorization }) => authorization)).toEqual(['Bearer first', 'Bearer second']);
  });

  test('may have another authority, once that is in the file', async () => {
    const place = await apiServer({ bearer: 'token', keys: [keys[0]] });
    const caFile = file('ca.crt', otherAuthority.ca);
    const by = trusting(
      cluster({ jwksUri: `${place.url}${JWKS}`, caFile, tokenFile: file('token', 'token') }),
    );
    expect(await answer(by, token(keys[0]))).toMatch(/^issuer_unavailable: .*(certificate|signature)/);
    expect(place.asked).toEqual([]);
    file('ca.crt', certificates.ca);
    clock.advance(11 * SECOND_MS);
    expect(await answer(by, token(keys[0]))).toBe(NAME);
    place.renew(otherAuthority);
    file('ca.crt', otherAuthority.ca);
    clock.advance(11 * MINUTE_MS);
    expect(await answer(by, token(keys[0]))).toBe(NAME);
    expect(place.asked).toHaveLength(2);
  });

  test('is held to its authority however its address is written', async () => {
    const place = await apiServer({ bearer: 'token', keys: [keys[0]] });
    const at = {
      jwksUri: `${place.url.replace('https', 'HTTPS')}${JWKS}`,
      tokenFile: file('token', 'token'),
    };
    const by = trusting(cluster({ ...at, caFile: file('ca.crt', certificates.ca) }));
    expect(await answer(by, token(keys[0]))).toBe(NAME);
    const other = trusting(cluster({ ...at, caFile: file('other.crt', otherAuthority.ca) }));
    expect(await answer(other, token(keys[0]))).toMatch(/^issuer_unavailable/);
  });

  test.each<[string, (ca: string) => Partial<KubernetesTrust>]>([
    ['its authority is not among those of Node', () => ({})],
    ['the file of authorities is empty', () => ({ caFile: file('ca.crt', '') })],
    ['the file of authorities is not there', () => ({ caFile: join(folder, 'none') })],
    ['our token is not there', (ca) => ({ caFile: file('ca.crt', ca), tokenFile: join(folder, 'none') })],
    ['our token is empty', (ca) => ({ caFile: file('ca.crt', ca), tokenFile: file('token', '\n') })],
    [
      'our token ends the header',
      (ca) => ({ caFile: file('ca.crt', ca), tokenFile: file('token', 'a\r\nX: y') }),
    ],
    ['our token is not known there', (ca) => ({ caFile: file('ca.crt', ca), tokenFile: file('token', 'x') })],
  ])('gives no keys where %s, and that is why nobody is believed', async (_, more) => {
    const place = await apiServer({ bearer: 'token', keys: [keys[0]] });
    const by = trusting(cluster({ jwksUri: `${place.url}${JWKS}`, ...more(certificates.ca) }));
    const why = await answer(by, token(keys[0]));
    expect(why).toMatch(/^issuer_unavailable/);
    expect(why).not.toMatch(/X: y|eyJ/);
  });

  test.each([301, 302, 307, 308])('that answers %i is not followed', async (status) => {
    const elsewhere = await open();
    elsewhere.pages.set('/jwks', () => ({ body: { keys: [keys[0].jwk] } }));
    const place = await open();
    place.pages.set(JWKS, () => ({ status, headers: { location: `${elsewhere.url}/jwks` } }));
    const caFile = file('ca.crt', certificates.ca);
    const by = trusting(
      cluster({ jwksUri: `${place.url}${JWKS}`, caFile, tokenFile: file('token', 'token') }),
    );
    expect(await answer(by, token(keys[0]))).toMatch(new RegExp(`^issuer_unavailable: .*answered ${status}`));
    expect(elsewhere.asked).toEqual([]);
  });

  test('that answers at length is not listened to', async () => {
    const place = await open();
    place.pages.set(JWKS, () => ({ body: { keys: [keys[0].jwk], filler: 'x'.repeat(256 * 1024) } }));
    const by = trusting(cluster({ jwksUri: `${place.url}${JWKS}`, caFile: file('ca.crt', certificates.ca) }));
    expect(await answer(by, token(keys[0]))).toMatch(/^issuer_unavailable: .*is over/);
  });

  test('is found by discovery, and our token goes where the configuration says and nowhere else', async () => {
    const elsewhere = await open();
    elsewhere.pages.set('/jwks', () => ({ body: { keys: [keys[0].jwk] } }));
    const place = await open();
    const issuer = place.url;
    const caFile = file('ca.crt', certificates.ca);
    const by = trusting(cluster({ issuer, caFile, tokenFile: file('token', 'secret') }));
    place.pages.set('/.well-known/openid-configuration', () => ({
      body: { issuer, jwks_uri: `${elsewhere.url}/jwks` },
    }));
    expect(await answer(by, token(keys[0], issuer))).toBe(NAME);
    expect(place.asked.map(({ authorization }) => authorization)).toEqual(['Bearer secret']);
    expect(elsewhere.asked).toEqual([{ path: '/jwks', authorization: undefined }]);

    place.pages.set('/.well-known/openid-configuration', () => ({
      body: { issuer, jwks_uri: `${issuer}/jwks` },
    }));
    place.pages.set('/jwks', () => ({ body: { keys: [keys[1].jwk] } }));
    clock.advance(11 * SECOND_MS);
    expect(await answer(by, token(keys[1], issuer))).toBe(NAME);
    expect(place.asked.at(-1)).toEqual({ path: '/jwks', authorization: 'Bearer secret' });
  });
});

const trustDomain = (name: string, bundle: SpiffeTrust['bundle']): SpiffeTrust => ({
  ...terms,
  name: name.split('.')[0]!,
  kind: 'spiffe',
  trustDomain: name,
  issuer: `spiffe://${name}`,
  algorithms: ['ES256'],
  roles: [{ grant: { role: 'agent' }, claims: [{ claim: 'path', anyOf: ['/agents/*'] }] }],
  bundle,
});
const svid = (key: IssuerKey, domain = 'prod.example'): string =>
  forge(
    key,
    { alg: 'ES256', kid: key.kid },
    { sub: `spiffe://${domain}/agents/a`, aud: 'mayfly', exp: now() + 300, jti: String(++serial) },
  );
const bundleOf = (more: Record<string, unknown>, ...of: IssuerKey[]) => ({
  ...more,
  keys: of.map(({ jwk: { alg: _alg, ...jwk } }) => ({ ...jwk, use: 'jwt-svid' })),
});
/** Publishes what `bundle` holds, over TLS. */
const endpoint = async (bundle: { now: unknown }): Promise<{ place: Place; at: SpiffeTrust['bundle'] }> => {
  const place = await open();
  place.pages.set('/bundle', () => ({ body: bundle.now }));
  return { place, at: { endpoint: `${place.url}/bundle`, caFile: file('ca.crt', certificates.ca) } };
};

describe('a trust domain', () => {
  const NAME = 'spiffe://prod.example/agents/a';

  test('is asked again when its hint says so, and what it took back is dead by twice that', async () => {
    const bundle = { now: bundleOf({ spiffe_refresh_hint: 60 }, keys[2]) };
    const { place, at } = await endpoint(bundle);
    const by = trusting(trustDomain('prod.example', at));
    expect(await answer(by, svid(keys[2]))).toBe(NAME);
    clock.advance(60 * SECOND_MS);
    expect(await answer(by, svid(keys[2]))).toBe(NAME);
    expect(place.asked).toHaveLength(1);

    bundle.now = bundleOf({ spiffe_refresh_hint: 60, spiffe_sequence: 2 }, keys[3]);
    clock.advance(60 * SECOND_MS + 1);
    expect(await answer(by, svid(keys[2]))).toMatch(/^signature_invalid/);
    expect(await answer(by, svid(keys[3]))).toBe(NAME);
    expect(place.asked).toHaveLength(2);
  });

  test.each([
    ['no hint', {}],
    ['a hint of a day', { spiffe_refresh_hint: 86_400 }],
    ['a hint that is none', { spiffe_refresh_hint: -5 }],
    ['a hint that is a text', { spiffe_refresh_hint: '60' }],
  ])('with %s is asked again after five minutes', async (_, hint) => {
    const { place, at } = await endpoint({ now: bundleOf(hint, keys[2]) });
    const by = trusting(trustDomain('prod.example', at));
    await answer(by, svid(keys[2]));
    clock.advance(5 * MINUTE_MS);
    await answer(by, svid(keys[2]));
    expect(place.asked).toHaveLength(1);
    clock.advance(5 * MINUTE_MS + 1);
    await answer(by, svid(keys[2]));
    expect(place.asked).toHaveLength(2);
  });

  test('that would be asked all the time is asked every ten seconds', async () => {
    const { place, at } = await endpoint({ now: bundleOf({ spiffe_refresh_hint: 1 }, keys[2]) });
    const by = trusting(trustDomain('prod.example', at));
    for (let second = 0; second < 40; second++) {
      await answer(by, svid(keys[2]));
      clock.advance(SECOND_MS);
    }
    expect(place.asked.length).toBeGreaterThanOrEqual(2);
    expect(place.asked.length).toBeLessThanOrEqual(4);
  });

  test('voids what was verified, and remembered, when its bundle changes', async () => {
    const bundle = { now: bundleOf({ spiffe_refresh_hint: 10 }, keys[2]) };
    const { at } = await endpoint(bundle);
    const by = trusting(trustDomain('prod.example', at));
    const remembered = svid(keys[2]);
    expect(await answer(by, remembered)).toBe(NAME);
    bundle.now = bundleOf({ spiffe_refresh_hint: 10 });
    clock.advance(21 * SECOND_MS);
    // Somebody else's token makes us look.
    expect(await answer(by, svid(keys[2]))).toMatch(/^key_unknown/);
    expect(await answer(by, remembered)).toMatch(/^key_unknown/);
  });

  test('and another one, with keys of one name, are never mixed up', async () => {
    const prod = await endpoint({ now: bundleOf({}, keys[2]) });
    const staging = await endpoint({ now: bundleOf({}, keys[3]) });
    const by = trusting(trustDomain('prod.example', prod.at), trustDomain('staging.example', staging.at));
    expect(await answer(by, svid(keys[2]))).toBe(NAME);
    expect(await answer(by, svid(keys[3], 'staging.example'))).toBe('spiffe://staging.example/agents/a');
    expect(await answer(by, svid(keys[3]))).toMatch(/^signature_invalid/);
    expect(await answer(by, svid(keys[2], 'staging.example'))).toMatch(/^signature_invalid/);
  });

  test('and another one at one endpoint are two all the same', async () => {
    const { at } = await endpoint({ now: bundleOf({}, keys[2]) });
    const by = trusting(trustDomain('prod.example', at), trustDomain('staging.example', at));
    expect(await answer(by, svid(keys[2]))).toBe(NAME);
    expect(await answer(by, svid(keys[2], 'gone.example'))).toMatch(/^issuer_unknown/);
  });

  test('whose endpoint is not vouched for by the authority is not believed', async () => {
    const { place, at } = await endpoint({ now: bundleOf({}, keys[2]) });
    place.renew(otherAuthority);
    expect(await answer(trusting(trustDomain('prod.example', at)), svid(keys[2]))).toMatch(
      /^issuer_unavailable/,
    );
    expect(place.asked).toEqual([]);
  });

  test.each<[string, unknown]>([
    ['no keys', {}],
    ['keys that are no list', { keys: {} }],
    ['a list', []],
    ['a page', '<html></html>'],
    ['something said twice', '{"keys":[],"keys":[]}'],
  ])(
    'whose endpoint answers with %s keeps what it had, and gets nothing where it had nothing',
    async (_, body) => {
      const bundle: { now: unknown } = { now: bundleOf({ spiffe_refresh_hint: 10 }, keys[2]) };
      const { at } = await endpoint(bundle);
      const by = trusting(trustDomain('prod.example', at));
      expect(await answer(by, svid(keys[2]))).toBe(NAME);
      bundle.now = body;
      clock.advance(21 * SECOND_MS);
      expect(await answer(by, svid(keys[2]))).toBe(NAME);
      expect(await answer(trusting(trustDomain('prod.example', at)), svid(keys[2]))).toMatch(
        /^issuer_unavailable/,
      );
    },
  );

  test('with its bundle in a file is read again, as who puts it there replaces it', async () => {
    const path = file('bundle.json', bundleOf({ spiffe_refresh_hint: 30 }, keys[2]));
    const by = trusting(trustDomain('prod.example', { path }));
    expect(await answer(by, svid(keys[2]))).toBe(NAME);
    file('bundle.json', bundleOf({ spiffe_refresh_hint: 30 }, keys[3]));
    clock.advance(61 * SECOND_MS);
    expect(await answer(by, svid(keys[3]))).toBe(NAME);
    expect(await answer(by, svid(keys[2]))).toMatch(/^signature_invalid/);
    rmSync(path);
    clock.advance(61 * SECOND_MS);
    expect(await answer(by, svid(keys[3]))).toBe(NAME);
    clock.advance(61 * MINUTE_MS);
    expect(await answer(by, svid(keys[3]))).toMatch(/^issuer_unavailable: .*cannot be read \(ENOENT\)/);
  });
});
