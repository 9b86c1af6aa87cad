// `mayfly doctor` names what is broken in set-ups that really are, each with what to do; and nothing in one that is well.
import { chmodSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { LiveSettings } from '../../src/config/reload.js';
import { type RunningBroker, startBroker } from '../../src/main.js';
import { DpopKey, newDpopJwk } from '../../src/sdk/client/index.js';
import { createLog } from '../../src/telemetry/log.js';
import { body, DISCOVERY, JWKS, status } from '../fixtures/idp.js';
import { issuerKey, weakKey } from '../fixtures/idp-keys.js';
import { answering, inPlaceOfBroker } from '../fixtures/in-place-of-broker.js';
import { makeCertificates } from '../fixtures/redis/certificates.js';
import { type Examined, Scene, examined, sealKey } from './doctor-scene.js';
import { ran } from './fake-shell.js';

let scene: Scene;
const ends: (() => unknown)[] = [];
beforeEach(async () => {
  scene = await Scene.set();
});
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
  await scene.end();
});

async function runBroker(): Promise<RunningBroker> {
  process.env['MAYFLY_SEAL_KEY'] = scene.seal;
  try {
    const running = await startBroker(await LiveSettings.from(scene.configure()), createLog('silent'));
    ends.push(() => running.stop());
    return running;
  } finally {
    delete process.env['MAYFLY_SEAL_KEY'];
  }
}

/** Everything in the folder, with size and time of change. */
const picture = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => {
    const { mtimeMs, size, mode } = statSync(join(folder, name));
    return `${name} ${size} ${mtimeMs} ${mode}`;
  });

/** One thing broken, and nothing else. */
function expectBroken({ exit, broken }: Examined, check: string, found: RegExp, todo: RegExp): void {
  expect(broken).toEqual([
    { check, level: 'broken', found: expect.stringMatching(found), todo: expect.stringMatching(todo) },
  ]);
  expect(exit).toBe(1);
}

describe('a set-up that is well', () => {
  test('has no finding but good ones, before a broker ran, and is not changed', async () => {
    scene.configure();
    const before = picture(scene.folder);
    const { exit, broken, cautions, ok } = await scene.examine();
    expect([exit, broken, cautions]).toEqual([0, [], []]);
    expect(ok.map(({ check }) => check)).toEqual([
      'configuration',
      'policies',
      'seal_key',
      'store',
      'issuer.cluster',
      'clock.cluster',
      'listen',
      'limits',
    ]);
    expect(picture(scene.folder).filter((line) => !line.startsWith('mayfly.yaml'))).toEqual(
      before.filter((line) => !line.startsWith('mayfly.yaml')),
    );
  });

  test('is well beside a broker that runs, whose store nobody else may open', async () => {
    await runBroker();
    const before = readdirSync(join(scene.folder, 'data'));
    const { exit, broken, ok } = await scene.examine({}, ['--url', scene.url]);
    expect([exit, broken]).toEqual([0, []]);
    const told = ok.map(({ check, found }) => `${check} ${found}`).join('\n');
    expect(told).toMatch(/^store .*belongs to a broker that runs/m);
    expect(told).toMatch(/^listen the broker runs at .*, and is ready$/m);
    expect(told).toMatch(/^broker .* is ready$/m);
    expect(told).toMatch(/^broker.keys it publishes one key$/m);
    expect(told).toMatch(/^clock.broker .*agrees/m);
    expect(readdirSync(join(scene.folder, 'data'))).toEqual(before);
  });

  test('is well after one ran, and its signing keys can be opened', async () => {
    await (await runBroker()).stop();
    const { exit, broken, ok } = await scene.examine();
    expect([exit, broken]).toEqual([0, []]);
    expect(ok.find(({ check }) => check === 'signing_keys')?.found).toMatch(
      /^one can be opened; .*next one signs in (29|30)d/,
    );
  });

  test('is told in a table that ends with the outcome', async () => {
    const { exit, out } = await ran(['doctor', '--config', scene.configure()]);
    // Without MAYFLY_SEAL_KEY: for this machine alone, a broker makes one.
    expect(exit).toBe(0);
    expect(out).toMatch(/^ok {6}configuration {3}/m);
    expect(out).toMatch(/^caution seal_key .*\n +→ /m);
    expect(out).toMatch(/Nothing is broken; 1 to think about\.\n$/);
  });
});

describe('a set-up that is broken:', () => {
  test('a configuration with mistakes: each of them', async () => {
    const { exit, broken } = await scene.examine({
      listen: 'nowhere',
      tools: { crm: { plane: 'odd' } },
      isuer: 'x',
    });
    expect(exit).toBe(1);
    expect(broken.length).toBeGreaterThanOrEqual(4);
    expect(broken.map(({ check }) => new Set([check]))).toEqual(broken.map(() => new Set(['configuration'])));
    expect(broken.map(({ found }) => found).join('\n')).toMatch(/mayfly\.yaml:1:\d+: tools\.crm\.plane: /);
  });

  test('a seal key that is none', async () => {
    scene.seal = 'not-32-bytes';
    expectBroken(
      await scene.examine(),
      'seal_key',
      /MAYFLY_SEAL_KEY key 1 must be 32 bytes/,
      /openssl rand -base64 32/,
    );
  });

  test('a seal key that is given twice: a new one is not proposed for a store that has one', async () => {
    const variables = { MAYFLY_SEAL_KEY: scene.seal, MAYFLY_SEAL_KEY_FILE: scene.file('seal', scene.seal) };
    const found = await examined(['--config', scene.configure()], variables);
    expectBroken(found, 'seal_key', /cannot be set together/, /^Correct that.*for a new store alone/);
  });

  test('another seal key than the one that sealed the signing keys', async () => {
    await (await runBroker()).stop();
    scene.seal = sealKey();
    expectBroken(
      await scene.examine(),
      'signing_keys',
      /cannot be opened with the seal key at hand/,
      /MAYFLY_SEAL_KEY=new,old/,
    );
  });

  test('a seal key in a file that everybody can read', async () => {
    const file = scene.file('seal', scene.seal, 0o644);
    const found = await examined(['--config', scene.configure()], { MAYFLY_SEAL_KEY_FILE: file });
    expectBroken(found, 'files.MAYFLY_SEAL_KEY_FILE', /everybody on this machine can read/, /chmod 600/);
  });

  test('a database where no folder can be', async () => {
    scene.file('data-file', '');
    const found = await scene.examine({ store: { kind: 'embedded', path: './data-file/mayfly.db' } });
    expectBroken(found, 'store', /data-file is no folder/, /chown/);
  });

  test('a database that is a folder', async () => {
    const found = await scene.examine({ store: { kind: 'embedded', path: './data' } });
    expectBroken(found, 'store', /data is a folder/, /Name a file in it/);
  });

  test('a database that is none', async () => {
    scene.file(
      'data/mayfly.db',
      'this is no database, and long enough to be looked at as if it were one'.repeat(20),
    );
    expectBroken(await scene.examine(), 'store', /cannot be read/, /restore a backup/);
  });

  test('an issuer that is down', async () => {
    await scene.idp.goDown();
    expectBroken(
      await scene.examine(),
      'issuer.cluster',
      /cannot be had: nothing listens there/,
      /Start it, or correct/,
    );
  });

  test('an issuer that does not answer', async () => {
    scene.idp.misbehave(DISCOVERY, () => {});
    expectBroken(await scene.examine(), 'issuer.cluster', /cannot be had: nobody answers/, /firewall/);
  });

  test('an issuer that calls itself otherwise', async () => {
    scene.idp.misbehave(
      DISCOVERY,
      body(JSON.stringify({ issuer: 'https://other.example', jwks_uri: `${scene.idp.issuer}${JWKS}` })),
    );
    expectBroken(await scene.examine(), 'issuer.cluster', /names another issuer/, /Set `issuer` to exactly/);
  });

  test('an issuer without the document', async () => {
    scene.idp.misbehave(DISCOVERY, status(404));
    expectBroken(await scene.examine(), 'issuer.cluster', /answered 404/, /jwks_uri/);
  });

  test('an issuer whose keys are for another algorithm', async () => {
    scene.idp.publish(await issuerKey('RS256', 'rsa'));
    expectBroken(
      await scene.examine(),
      'issuer.cluster',
      /none of the 1 keys .* is for ES256: they are for .*RS256/,
      /Set `algorithms`/,
    );
  });

  test('an issuer whose only key is too weak', async () => {
    scene.idp.publish(weakKey(1024, 'weak'));
    expectBroken(await scene.examine(), 'issuer.cluster', /no algorithm that we know/, /weak ones/);
  });

  test('an issuer whose clock is ahead by more than is tolerated', async () => {
    const date = new Date(Date.now() + 300_000).toUTCString();
    const keys = JSON.stringify({ keys: scene.idp.published });
    scene.idp.misbehave(JWKS, (response) => void response.writeHead(200, { date }).end(keys));
    const found = await scene.examine();
    expectBroken(
      found,
      'clock.cluster',
      /is (5m|4m 59s) ahead of this machine's: .*refused as of the future/,
      /NTP/,
    );
  });

  test('an empty SPIFFE bundle', async () => {
    scene.file('bundle.json', '{"keys": []}');
    const spiffe = {
      name: 'mesh',
      kind: 'spiffe',
      trust_domain: 'prod.example',
      audience: 'mayfly',
      bundle_file: './bundle.json',
      roles: { agent: { path: '/agents/*' } },
    };
    const { broken } = await scene.examine({ trust: [scene.trust(), spiffe] });
    expect(broken.map(({ check, found }) => `${check} ${found}`)).toEqual([
      expect.stringMatching(/^issuer.mesh .*no key at all/),
    ]);
  });

  test('a foreign program on the port', async () => {
    const server = createServer((socket) => {
      ends.unshift(() => socket.destroy());
      socket.end('SSH-2.0-hello\r\n');
    });
    await new Promise<void>((resolve) => server.listen(scene.port, '127.0.0.1', resolve));
    ends.push(() => new Promise((resolve) => server.close(resolve)));
    expectBroken(await scene.examine(), 'listen', /taken by something that is no broker/, /ss -ltnp/);
  });

  test('a foreign program on the port that never comes to an end', async () => {
    const server = createHttpServer((_request, response) => {
      const dripping = setInterval(() => response.write(' '), 100);
      response.once('close', () => clearInterval(dripping));
    });
    await new Promise<void>((resolve) => server.listen(scene.port, '127.0.0.1', resolve));
    ends.push(() => new Promise((resolve) => server.close(resolve)));
    expectBroken(await scene.examine(), 'listen', /taken by something that is no broker/, /ss -ltnp/);
  });

  test('another broker on the port', async () => {
    const other = await inPlaceOfBroker(answering(200, { issuer: 'https://other.example' }));
    ends.push(() => other.close());
    const found = await scene.examine({ listen: new URL(other.url).host });
    expectBroken(found, 'listen', /another broker, of "https:\/\/other\.example"/, /Change `listen`/);
  });

  test.each([
    ['expired', { until: Date.now() - 60_000 }, /expired on/, /Renew it/],
    [
      'not valid yet',
      { from: Date.now() + 3_600_000, until: Date.now() + 7_200_000 },
      /is not valid before/,
      /Renew it/,
    ],
  ])('a certificate that is %s', async (_name, validity, found, todo) => {
    const { certificate, key } = makeCertificates(validity);
    scene.file('tls.pem', certificate);
    scene.file('tls.key', key);
    const tls = { certificate_file: './tls.pem', key_file: './tls.key' };
    expectBroken(await scene.examine({ issuer: `https://127.0.0.1:${scene.port}`, tls }), 'tls', found, todo);
  });

  test('a certificate for another name, whose key everybody can read', async () => {
    const { certificate, key } = makeCertificates({ until: Date.now() + 90 * 86_400_000 });
    scene.file('tls.pem', certificate);
    scene.file('tls.key', key, 0o644);
    const tls = { certificate_file: './tls.pem', key_file: './tls.key' };
    const { broken } = await scene.examine({ issuer: 'https://mayfly.example', tls });
    expect(broken.map(({ check }) => check)).toEqual(['files.tls.key_file', 'tls']);
  });

  test('proxies that believe everybody', async () => {
    expectBroken(
      await scene.examine({ trusted_proxies: ['0.0.0.0/0'] }),
      'trusted_proxies',
      /believes everybody/,
      /Name the addresses/,
    );
  });

  test('a broker that is down, is none, is not ready, or lives in another time', async () => {
    expectBroken(await examined(['--url', scene.url]), 'broker', /nothing listens there/, /Start it/);
    expectBroken(await examined(['--url', 'nonsense']), 'broker', /no http or https URL/, /Correct --url/);
    const page = await inPlaceOfBroker(answering(200, '<html>'));
    ends.push(() => page.close());
    expectBroken(await examined(['--url', page.url]), 'broker', /no Mayfly broker/, /address of the broker/);
    const sick = await inPlaceOfBroker(
      answering(503, { status: 'not ready', why: 'the disk is full' }),
      answering(200, { issuer: page.url }),
      answering(200, { keys: [] }, { date: new Date(Date.now() - 120_000).toUTCString() }),
    );
    ends.push(() => sick.close());
    const { broken, cautions } = await examined(['--url', sick.url]);
    expect(broken.map(({ check }) => check)).toEqual(['broker', 'broker.keys', 'clock.broker']);
    expect(broken[0]?.found).toContain('the disk is full');
    expect(cautions.map(({ check }) => check)).toEqual(['broker.issuer']);
  });
});

const judged = async (claims: Record<string, unknown>, sign = scene.key) => {
  const file = scene.file('token', await scene.idp.token(sign, claims));
  return scene.examine({}, ['--token-file', file]);
};

describe('a token', () => {
  test('that is good: who it is, and what keeps it from other roles', async () => {
    const { exit, ok } = await judged({ sub: 'agent-7' });
    expect(exit).toBe(0);
    const told = ok.filter(({ check }) => check.startsWith('token')).map(({ found }) => found);
    expect(told[0]).toMatch(/^it would be cluster\/agent-7, as agent, until 20/);
    expect(told[1]).toBe('not operator: sub is "agent-7", and must be "ann" or "bob"');
  });

  test('that is nobody: which rule misses what', async () => {
    const { exit, broken, ok } = await judged({ sub: 'ann' });
    expect(exit).toBe(1);
    expect(broken[0]?.found).toBe('it is accepted as cluster/ann, and has no role: it may do nothing');
    expect(ok.filter(({ check }) => check === 'token.roles').map(({ found }) => found)).toEqual([
      'not agent: sub is "ann", and must be "agent-*"',
      'not operator: it has no claim groups, which must be "oncall"',
    ]);
  });

  test.each([
    ['of an unknown issuer', { iss: 'https://unknown.example' }, /issuer_unknown/],
    ['for somebody else', { aud: 'other' }, /audience_mismatch/],
    ['that has expired', { exp: 1_000_000_000 }, /token_expired/],
    ['without a subject', { sub: undefined }, /claim_missing: sub/],
  ])('%s is refused, and the check is named', async (_name, claims, found) => {
    expectBroken(await judged(claims), 'token', found, /./);
  });

  test('that somebody else signed is refused', async () => {
    expectBroken(
      await judged({}, { ...(await issuerKey('ES256', 'k1')) }),
      'token',
      /signature_invalid/,
      /./,
    );
  });

  test('of the environment is looked at as well, as every other command would send it', async () => {
    const good = await scene.idp.token(scene.key, { sub: 'agent-7' });
    const stale = await scene.idp.token(scene.key, { exp: 1_000_000_000 });
    const config = ['--config', scene.configure()];
    const of = (variables: Record<string, string>): Promise<Examined> =>
      examined(config, { MAYFLY_SEAL_KEY: scene.seal, ...variables });
    expectBroken(await of({ MAYFLY_TOKEN: stale }), 'token', /token_expired/, /./);
    expectBroken(
      await of({ MAYFLY_TOKEN: good, MAYFLY_TOKEN_FILE: scene.file('stale', stale) }),
      'token',
      /token_expired/,
      /./,
    );
    const { ok } = await of({ MAYFLY_TOKEN: good });
    expect(ok.map(({ found }) => found)).toContainEqual(expect.stringMatching(/cluster\/agent-7, as agent/));
    await runBroker();
    const asked = await examined(['--url', scene.url], { MAYFLY_TOKEN: 'a.b.c' });
    expectBroken(asked, 'token', /not accepted/, /mayfly why req_/);
  });

  test('is asked of a broker where there is no configuration', async () => {
    await runBroker();
    const file = scene.file('token', await scene.idp.token(scene.key, { sub: 'agent-7' }));
    const good = await examined(['--url', scene.url, '--token-file', file]);
    expect(good.ok.at(-1)?.found).toMatch(/accepts it, and it has a role/);
    scene.file('token', await scene.idp.token(scene.key, { sub: 'nobody' }));
    const bad = await examined(['--url', scene.url, '--token-file', file]);
    expectBroken(bad, 'token', /no role/, /mayfly why req_/);
  });
});

/** A key file. */
const made = async (name: string): Promise<[file: string, jkt: string]> => {
  const jwk = await newDpopJwk();
  const { thumbprint } = await DpopKey.fromJwk(jwk);
  return [scene.file(name, JSON.stringify(jwk)), thumbprint];
};

describe('a token that is bound to a key', () => {
  test('is good with that key, to be thought about with none, and broken with another', async () => {
    const [own, jkt] = await made('own.jwk');
    const [other] = await made('other.jwk');
    const token = scene.file('token', await scene.idp.token(scene.key, { sub: 'agent-7', cnf: { jkt } }));
    const args = ['--token-file', token];
    const good = await scene.examine({}, [...args, '--dpop-key', own]);
    expect([good.exit, good.cautions]).toEqual([0, []]);
    expect(good.ok.map(({ found }) => found)).toContain('it is bound to the key of --dpop-key');
    const bare = await scene.examine({}, args);
    expect(bare.cautions).toMatchObject([{ check: 'token', todo: expect.stringContaining('--dpop-key') }]);
    expectBroken(await scene.examine({}, [...args, '--dpop-key', other]), 'token', /bound/, /Give that key/);

    await runBroker();
    const asked = ['--url', scene.url, ...args];
    expect((await examined([...asked, '--dpop-key', own])).exit).toBe(0);
    expectBroken(await examined(asked), 'token', /no dpop key was given/, /--dpop-key/);
  });

  test('a key file that others can read is broken', async () => {
    const [key] = await made('open.jwk');
    chmodSync(key, 0o644);
    expectBroken(
      await scene.examine({}, ['--dpop-key', key]),
      'dpop_key',
      /is open to others/,
      /dpop-key new/,
    );
  });
});

test('there must be something to look at', async () => {
  mkdirSync(join(scene.folder, 'empty'));
  const here = process.cwd();
  process.chdir(join(scene.folder, 'empty'));
  try {
    expect(await ran(['doctor'])).toMatchObject({
      exit: 2,
      err: expect.stringContaining('give --config or --url'),
    });
  } finally {
    process.chdir(here);
  }
});
