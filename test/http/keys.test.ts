// Signing keys as verifiers see them, and secrets as a thief of the disk would find them: not at all.
import { afterEach, describe, expect, test } from '@jest/globals';
import { createHash, createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { AuditEntry } from '../../src/audit/entry.js';
import { requestId } from '../../src/domain/ids.js';
import { openEmbeddedStore } from '../../src/store/embedded/embedded-store.js';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/domain/duration.js';
import { SettableClock } from '../contract/store/harness.js';
import { TestBroker } from '../fixtures/broker.js';
import { until } from '../fixtures/until.js';

const started: TestBroker[] = [];
afterEach(async () => {
  for (const broker of started.splice(0)) await broker.stop();
});
async function start(options: Parameters<typeof TestBroker.start>[0] = {}): Promise<TestBroker> {
  const broker = await TestBroker.start(options);
  started.push(broker);
  return broker;
}

test.each(['ES256', 'Ed25519', 'RS256'])(
  '%s, by configuration: jose verifies what the broker signs',
  async (algorithm) => {
    const broker = await start({ terms: { keys: { algorithm } } });
    await broker.openTask({ id: 'run-1' });
    const { access_token: token } = await broker.credential('agent-1', { task_id: 'run-1', audience: 'crm' });
    const { protectedHeader, payload } = await jwtVerify(
      token,
      createRemoteJWKSet(new URL(`${broker.url}/jwks`)),
      {
        issuer: broker.url,
        audience: 'https://crm.example',
        typ: 'at+jwt',
        algorithms: [algorithm],
      },
    );
    expect([protectedHeader.alg, payload['task_id']]).toEqual([algorithm, 'run-1']);
    expect((await broker.introspect(token)).active).toBe(true);
    const { body } = await broker.call('GET', '/.well-known/openid-configuration');
    expect(body['id_token_signing_alg_values_supported']).toEqual([algorithm]);
  },
);

/** The net that looks after keys runs twice a minute by the machine's clock, so a restart stands for it here. */
const turn = async (broker: TestBroker, clock: SettableClock, terms: object): Promise<TestBroker> => {
  started.splice(started.indexOf(broker), 1);
  const next = await broker.restart({ clock, terms: { ...terms } });
  started.push(next);
  return next;
};
const kids = async (broker: TestBroker): Promise<string[]> =>
  (await broker.call<{ keys: { kid: string }[] }>('GET', '/jwks')).body.keys.map(({ kid }) => kid);
const sign = async (broker: TestBroker): Promise<string> => {
  const { body } = await broker.openTask();
  const { access_token: token } = await broker.credential('agent-1', { task_id: body.id, audience: 'crm' });
  return decodeProtectedHeader(token).kid!;
};

const TERMS = { keys: { algorithm: 'ES256', rotate_every: '30d', publish_ahead: '1h', clock_skew: '60s' } };

describe('rotation', () => {
  test('a new key is published before it signs, and the old one stays until its last credential is dead', async () => {
    const clock = new SettableClock();
    let broker = await start({ clock, terms: TERMS });
    const [first] = await kids(broker);
    expect(await sign(broker)).toBe(first);

    clock.advance(30 * DAY_MS - HOUR_MS - 1);
    broker = await turn(broker, clock, TERMS);
    expect(await kids(broker)).toEqual([first]);
    clock.advance(1);
    broker = await turn(broker, clock, TERMS);
    const [, second] = await kids(broker);
    expect(second).toBeDefined();
    expect(await sign(broker)).toBe(first);
    clock.advance(HOUR_MS - 1);
    expect(await sign(broker)).toBe(first);
    // No restart is needed for it to take over.
    clock.advance(1);
    expect(await sign(broker)).toBe(second);
    expect(await kids(broker)).toEqual([first, second]);

    // Twelve hours, the most that any credential lives, and the verifiers' skew.
    clock.advance(12 * HOUR_MS + MINUTE_MS - 1);
    broker = await turn(broker, clock, TERMS);
    expect(await kids(broker)).toEqual([first, second]);
    clock.advance(1);
    broker = await turn(broker, clock, TERMS);
    expect(await kids(broker)).toEqual([second]);
  });

  test('another algorithm takes over with the same overlap', async () => {
    const clock = new SettableClock();
    let broker = await start({ clock, terms: TERMS });
    const [first] = await kids(broker);
    const terms = { keys: { ...TERMS.keys, algorithm: 'Ed25519' } };
    broker = await turn(broker, clock, terms);
    const [, second] = await kids(broker);
    expect(await sign(broker)).toBe(first);
    clock.advance(HOUR_MS);
    expect(await sign(broker)).toBe(second);
  });

  test('a killed key is gone for good, also where the broker starts again', async () => {
    const clock = new SettableClock();
    let broker = await start({ clock, terms: TERMS });
    const [first] = await kids(broker);
    await broker.kill({ key: first });
    const second = await sign(broker);
    clock.advance(DAY_MS);
    broker = await turn(broker, clock, TERMS);
    expect([await kids(broker), await sign(broker)]).toEqual([[second], second]);
  });
});

test('a key that was killed by a broker that died at that moment signs nothing, and does not keep the next broker from signing', async () => {
  const clock = new SettableClock();
  let broker = await start({ clock, terms: TERMS });
  const [first] = await kids(broker);
  const { body: task } = await broker.openTask();
  await broker.halt();
  const path = join(broker.folder, 'mayfly.db');
  const retention = { taskMs: DAY_MS, leaseMs: DAY_MS, auditMs: DAY_MS };
  const store = openEmbeddedStore({ path, clock, retention, clockSkewMs: MINUTE_MS });
  const entry = new AuditEntry(requestId(), 'revocation.create');
  await store.revoke({ select: { kind: 'key', name: first! }, by: 'mayfly' }, entry);
  await store.close();
  clock.advance(2 * MINUTE_MS);

  broker = await turn(broker, clock, TERMS);
  const exchange = () => broker.exchange('agent-1', { task_id: task.id, audience: 'crm' });
  const replies = [await exchange(), await exchange()];
  expect(replies.at(-1)!.status).toBe(200);
  for (const { status, body } of replies) {
    if (status === 200) expect(decodeProtectedHeader(body.access_token).kid).not.toBe(first);
    else expect([status, body.error]).toEqual([503, 'temporarily_unavailable']);
  }
});

describe('at rest (invariant 6)', () => {
  test('there is no credential, no workload token and no private key in any file, nor in the log', async () => {
    const broker = await start();
    await broker.openTask({ id: 'run-1' });
    const secrets: string[] = ['agent-1', 'planner', 'operator', 'gateway'].map((sub) =>
      broker.workloads.token(sub),
    );
    for (const audience of ['crm', 'search', 'crm']) {
      const credential = await broker.credential('agent-1', { task_id: 'run-1', audience });
      secrets.push(credential.access_token);
      const { body } = await broker.renew(credential.lease_id, 'agent-1');
      if (body.access_token) secrets.push(body.access_token);
      await broker.introspect(credential.access_token);
      await broker.call('POST', '/revoke', { as: 'agent-1', form: { token: credential.access_token } });
      await broker.call('GET', '/v1/tools', { bearer: credential.access_token });
    }
    await broker.kill({ all: true });
    await broker.complete('run-1');
    expect(secrets.length).toBeGreaterThan(8);

    const inService = broker.bytesAtRest();
    await broker.halt();
    const afterwards = broker.bytesAtRest();
    const log = Buffer.from(broker.log.join(''));
    for (const where of [inService, afterwards, log]) {
      // The digest is there to be found; it shows that the search looks in the right place.
      if (where !== log)
        expect(where.includes(createHash('sha256').update(secrets[0]!).digest('base64url'))).toBe(true);
      for (const secret of secrets) {
        expect(where.includes(secret)).toBe(false);
        expect(where.includes(secret.split('.')[2]!)).toBe(false);
      }
      expect(privateKeysIn(where)).toEqual([]);
    }
  });

  test('the search for private keys would find one', () => {
    const { privateKey } = keyPair();
    const der = privateKey.export({ format: 'der', type: 'pkcs8' });
    expect(privateKeysIn(Buffer.concat([Buffer.from('before'), der, Buffer.from('after')]))).toHaveLength(1);
    expect(
      privateKeysIn(Buffer.from(`x ${privateKey.export({ format: 'pem', type: 'pkcs8' }) as string}`)),
    ).toHaveLength(1);
    expect(privateKeysIn(Buffer.from(JSON.stringify(privateKey.export({ format: 'jwk' }))))).toHaveLength(1);
  });

  test('without the seal key the broker does not start, and says which key is missing', async () => {
    const broker = await start();
    await broker.halt();
    rmSync(join(broker.folder, 'mayfly.db.seal-key'));
    await expect(broker.restart()).rejects.toMatchObject({
      code: 'ERR_SEAL',
      message: expect.stringMatching(
        /^signing-key:\S+ was sealed with a key that is not at hand.*MAYFLY_SEAL_KEY/,
      ),
    });
    // And it leaves the database to whoever comes with the right one.
    await until('the database is free', () =>
      broker.restart().catch((error: { code?: string }) => error.code === 'ERR_SEAL'),
    );
  });
});

const keyPair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });

/** Offsets at which a private key begins: PEM, a JWK with `d`, or DER that parses as PKCS #8. */
function privateKeysIn(bytes: Buffer): number[] {
  const found: number[] = [];
  const text = bytes.toString('latin1');
  for (const { index } of text.matchAll(/-----BEGIN [A-Z ]*PRIVATE KEY-----|"d"\s*:\s*"/g)) found.push(index);
  for (let index = bytes.indexOf(0x30); index >= 0; index = bytes.indexOf(0x30, index + 1)) {
    if (!beginsPkcs8(bytes.subarray(index))) continue;
    try {
      createPrivateKey({ key: bytes.subarray(index), format: 'der', type: 'pkcs8' });
      found.push(index);
    } catch {
      // Bytes that only look like the beginning of one.
    }
  }
  return found;
}

/** SEQUENCE, INTEGER 0, SEQUENCE (RFC 5208 §5); the first one's length takes one byte, or up to two more. */
function beginsPkcs8(der: Buffer): boolean {
  const lengthBytes = der[1]! < 0x80 ? 0 : der[1]! - 0x80;
  const rest = der.subarray(2 + lengthBytes);
  return lengthBytes <= 2 && [0x02, 0x01, 0x00, 0x30].every((byte, at) => rest[at] === byte);
}
