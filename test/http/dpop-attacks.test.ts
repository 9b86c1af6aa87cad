// Proofs that prove nothing: each is refused at /token, told as RFC 9449 has it, and on record with its true reason.
import { createHmac, createPrivateKey, generateKeyPairSync, sign as signWith } from 'node:crypto';
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { systemClock } from '../../src/domain/clock.js';
import type { RefusalReason } from '../../src/domain/refusal.js';
import { TestBroker } from '../fixtures/broker.js';
import type { Credential, Reply } from '../fixtures/broker-client.js';
import { expectRefusal } from '../fixtures/broker-refusals.js';
import type { ProofParts } from '../fixtures/prover.js';
import { digested, Prover } from '../fixtures/prover.js';

const clock = systemClock();
const seconds = (): number => Math.floor(clock.now() / 1000);

let broker: TestBroker;
let prover: Prover;
beforeAll(async () => {
  broker = await TestBroker.start({ clock });
  prover = new Prover(clock);
  await broker.openTask({ id: 'run-1' });
});
afterAll(() => broker.stop());

const target = (): string => `${broker.url}/token`;
const proof = (parts: ProofParts = {}): string => prover.proof('POST', target(), parts);
const exchange = (dpop: string, more: Record<string, string> = {}): Promise<Reply<Credential>> =>
  broker.call<Credential>('POST', '/token', {
    form: broker.exchangeForm('agent-1', { task_id: 'run-1', audience: 'crm' }),
    headers: { dpop, ...more },
  });

const rsa = (bits: number, publicExponent = 0x10001) =>
  generateKeyPairSync('rsa', { modulusLength: bits, publicExponent });
const rsaParts = (bits: number, exponent?: number): ProofParts => {
  const { publicKey, privateKey } = rsa(bits, exponent);
  return {
    header: { alg: 'RS256', jwk: publicKey.export({ format: 'jwk' }) },
    sign: (input) => signWith('sha256', Buffer.from(input), privateKey),
  };
};
/** The same text as a key that all may know, and a signature with it. */
const shared = (input: string): Buffer => createHmac('sha256', 'secret').update(input).digest();
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const ed25519 = generateKeyPairSync('ed25519');

/** 2^2392 + 1: odd, as an exponent has to be. */
const longExponent = Buffer.concat([Buffer.of(1), Buffer.alloc(298), Buffer.of(1)]).toString('base64url');
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
/** 32 bytes leave two bits over in the last of 43 letters. */
const withSpareBits = (text: string): string =>
  text.slice(0, -1) + LETTERS[LETTERS.indexOf(text.at(-1)!) | 1]!;
const padded = (text: string): string => text.replace(/^/, 'AA');
const otherKey = new Prover(clock);

type Bad = [name: string, dpop: () => string, reason: RefusalReason];

/** What is no proof at all, or not one. */
const FORMS: Bad[] = [
  ['nothing', () => '', 'proof_malformed'],
  ['a word', () => 'proof', 'proof_malformed'],
  ['two proofs in one header', () => `${proof()}, ${proof()}`, 'proof_malformed'],
  ['a proof and a comma', () => `${proof()},`, 'proof_malformed'],
  ['white space inside', () => proof().replace('.', ' .'), 'proof_malformed'],
  ['a tab inside', () => proof().replace('.', '.\t'), 'proof_malformed'],
  ['a scheme before it', () => `DPoP ${proof()}`, 'proof_malformed'],
  ['base64 with padding', () => proof().replace('.', '=.'), 'proof_malformed'],
  ['no signature', () => proof({ sign: () => Buffer.alloc(0) }), 'proof_malformed'],
  ['two segments', () => proof().split('.').slice(0, 2).join('.'), 'proof_malformed'],
  ['five segments, as a JWE', () => `${proof()}.AA.AA`, 'proof_malformed'],
  ['a body of 5 kB', () => proof({ claims: { more: 'x'.repeat(4096) } }), 'proof_malformed'],
  [
    'a member twice',
    () => {
      const [header, , signature] = proof().split('.');
      const twice = Buffer.from('{"jti":"a","jti":"b"}').toString('base64url');
      return `${header}.${twice}.${signature}`;
    },
    'proof_malformed',
  ],
  ['the workload token in its place', () => broker.workloads.token('agent-1'), 'proof_malformed'],
];

/** What its header says. */
const HEADERS: Bad[] = [
  ['no typ', () => proof({ header: { typ: undefined } }), 'proof_malformed'],
  ['typ JWT', () => proof({ header: { typ: 'JWT' } }), 'proof_malformed'],
  ['typ in capitals', () => proof({ header: { typ: 'DPOP+JWT' } }), 'proof_malformed'],
  ['alg none', () => proof({ header: { alg: 'none' }, sign: () => Buffer.from('x') }), 'proof_malformed'],
  ['alg NONE', () => proof({ header: { alg: 'NONE' } }), 'proof_malformed'],
  ['no alg', () => proof({ header: { alg: undefined } }), 'proof_malformed'],
  [
    'a shared key',
    () => proof({ header: { alg: 'HS256', jwk: { kty: 'oct', k: 'c2VjcmV0' } }, sign: shared }),
    'proof_malformed',
  ],
  [
    'HS256 with its public key as the secret',
    () => proof({ header: { alg: 'HS256' }, sign: shared }),
    'proof_malformed',
  ],
  ['ES256K', () => proof({ header: { alg: 'ES256K' } }), 'proof_malformed'],
  ['crit', () => proof({ header: { crit: ['exp'] } }), 'proof_malformed'],
  ['b64', () => proof({ header: { b64: false } }), 'proof_malformed'],
  ['a jku', () => proof({ header: { jku: 'https://evil.example/jwks' } }), 'proof_malformed'],
  ['an x5u', () => proof({ header: { x5u: 'https://evil.example/cert' } }), 'proof_malformed'],
  ['an x5c', () => proof({ header: { x5c: ['AA'] } }), 'proof_malformed'],
];

/** The key in it. */
const KEYS: Bad[] = [
  ['no jwk', () => proof({ header: { jwk: undefined } }), 'proof_key_not_allowed'],
  [
    'a jwk that is text',
    () => proof({ header: { jwk: JSON.stringify(prover.jwk) } }),
    'proof_key_not_allowed',
  ],
  ['a jwk that is a list', () => proof({ header: { jwk: [prover.jwk] } }), 'proof_key_not_allowed'],
  [
    'its private key',
    () => proof({ header: { jwk: prover.privateKey.export({ format: 'jwk' }) } }),
    'proof_key_not_allowed',
  ],
  ['an empty d', () => proof({ header: { jwk: { ...prover.jwk, d: '' } } }), 'proof_key_not_allowed'],
  ['a k', () => proof({ header: { jwk: { ...prover.jwk, k: 'AA' } } }), 'proof_key_not_allowed'],
  [
    'a jwk of another kind',
    () => proof({ header: { jwk: { ...prover.jwk, kty: 'RSA' } } }),
    'proof_key_not_allowed',
  ],
  [
    'another curve',
    () => proof({ header: { jwk: { ...prover.jwk, crv: 'P-384' } } }),
    'proof_key_not_allowed',
  ],
  [
    'a key of P-384, signed as ES256',
    () => proof({ header: { jwk: p384.publicKey.export({ format: 'jwk' }) } }),
    'proof_key_not_allowed',
  ],
  [
    'a key of Ed25519, signed as ES256',
    () => proof({ header: { jwk: ed25519.publicKey.export({ format: 'jwk' }) } }),
    'proof_key_not_allowed',
  ],
  [
    'members of two kinds of key',
    () => proof({ header: { jwk: { ...prover.jwk, n: 'AQ', e: 'AQAB' } } }),
    'proof_key_not_allowed',
  ],
  [
    'a member that nobody knows',
    () => proof({ header: { jwk: { ...prover.jwk, sub: 'agent-2' } } }),
    'proof_key_not_allowed',
  ],
  [
    'a key for encryption',
    () => proof({ header: { jwk: { ...prover.jwk, use: 'enc' } } }),
    'proof_key_not_allowed',
  ],
  [
    'a key to sign with',
    () => proof({ header: { jwk: { ...prover.jwk, key_ops: ['sign'] } } }),
    'proof_key_not_allowed',
  ],
  [
    'a key of another alg',
    () => proof({ header: { jwk: { ...prover.jwk, alg: 'ES384' } } }),
    'proof_key_not_allowed',
  ],
  ['no y', () => proof({ header: { jwk: { ...prover.jwk, y: undefined } } }), 'proof_key_not_allowed'],
  [
    'a point off the curve',
    () => proof({ header: { jwk: { ...prover.jwk, y: prover.jwk.x } } }),
    'proof_key_not_allowed',
  ],
  [
    'the key with a zero before its number, which would be another thumbprint',
    () => proof({ header: { jwk: { ...prover.jwk, x: padded(prover.jwk.x!) } } }),
    'proof_key_not_allowed',
  ],
  [
    'the same number in another text: spare bits in its last letter',
    () => proof({ header: { jwk: { ...prover.jwk, x: withSpareBits(prover.jwk.x!) } } }),
    'proof_key_not_allowed',
  ],
  [
    'the same number in another text: padding',
    () => proof({ header: { jwk: { ...prover.jwk, x: `${prover.jwk.x}=` } } }),
    'proof_key_not_allowed',
  ],
  [
    'the same exponent in another text: a zero before it',
    () => {
      const { header, ...rest } = rsaParts(2048);
      const jwk = { ...(header!['jwk'] as object), e: 'AAEAAQ' };
      return proof({ ...rest, header: { ...header, jwk } });
    },
    'proof_key_not_allowed',
  ],
  ['1024 bits of RSA', () => proof(rsaParts(1024)), 'proof_key_not_allowed'],
  [
    'an RSA key of 6 kB',
    () => proof({ header: { alg: 'RS256', jwk: { kty: 'RSA', n: 'A'.repeat(701), e: 'AQAB' } } }),
    'proof_key_not_allowed',
  ],
  [
    'an RSA exponent that takes for ever',
    () =>
      proof({
        header: {
          alg: 'RS256',
          jwk: { kty: 'RSA', n: rsa(2048).publicKey.export({ format: 'jwk' }).n, e: longExponent },
        },
      }),
    'proof_key_not_allowed',
  ],
  [
    'the exponent 1',
    () =>
      proof({ header: { alg: 'RS256', jwk: { ...rsa(2048).publicKey.export({ format: 'jwk' }), e: 'AQ' } } }),
    'proof_key_not_allowed',
  ],
];

/** Its signature, also where the key is one that the broker has seen. */
const SIGNATURES: Bad[] = [
  ['signed by another key', () => proof({ sign: otherKey.sign }), 'proof_signature_invalid'],
  ['of zeros', () => proof({ sign: () => Buffer.alloc(64) }), 'proof_signature_invalid'],
  [
    'in DER',
    () => proof({ sign: (input) => signWith('sha256', Buffer.from(input), prover.privateKey) }),
    'proof_signature_invalid',
  ],
  [
    'one byte short',
    () => proof({ sign: (input) => prover.sign(input).subarray(1) }),
    'proof_signature_invalid',
  ],
  [
    'of other claims',
    () => {
      const [header, , signature] = proof().split('.');
      return `${header}.${proof().split('.')[1]}.${signature}`;
    },
    'proof_signature_invalid',
  ],
];

/** What it is for, and when. */
const CLAIMS: Bad[] = [
  ['no htm', () => proof({ claims: { htm: undefined } }), 'proof_mismatch'],
  ['htm GET', () => proof({ claims: { htm: 'GET' } }), 'proof_mismatch'],
  ['htm in small letters', () => proof({ claims: { htm: 'post' } }), 'proof_mismatch'],
  ['no htu', () => proof({ claims: { htu: undefined } }), 'proof_mismatch'],
  ['htu without a host', () => proof({ claims: { htu: '/token' } }), 'proof_mismatch'],
  ['another host', () => proof({ claims: { htu: 'https://evil.example/token' } }), 'proof_mismatch'],
  ['another scheme', () => proof({ claims: { htu: target().replace('http:', 'https:') } }), 'proof_mismatch'],
  ['another port', () => proof({ claims: { htu: 'http://127.0.0.1:1/token' } }), 'proof_mismatch'],
  ['another path', () => proof({ claims: { htu: `${broker.url}/introspect` } }), 'proof_mismatch'],
  ['a slash at the end', () => proof({ claims: { htu: `${target()}/` } }), 'proof_mismatch'],
  ['capital letters in the path', () => proof({ claims: { htu: `${broker.url}/TOKEN` } }), 'proof_mismatch'],
  ['our host as a user', () => proof({ claims: { htu: target().replace('//', '//x@') } }), 'proof_mismatch'],
  ['htu as a list', () => proof({ claims: { htu: [target()] } }), 'proof_mismatch'],
  ['no iat', () => proof({ claims: { iat: undefined } }), 'proof_malformed'],
  ['iat as text', () => proof({ claims: { iat: String(seconds()) } }), 'proof_malformed'],
  ['iat in milliseconds', () => proof({ claims: { iat: clock.now() } }), 'proof_out_of_time'],
  ['iat of two minutes ago', () => proof({ claims: { iat: seconds() - 120 } }), 'proof_out_of_time'],
  ['iat of the next minute', () => proof({ claims: { iat: seconds() + 60 } }), 'proof_out_of_time'],
  ['iat without end', () => proof({ claims: { iat: 1e308 * 10 } }), 'proof_malformed'],
  ['an exp that is over', () => proof({ claims: { exp: seconds() - 60 } }), 'proof_out_of_time'],
  ['an nbf to come', () => proof({ claims: { nbf: seconds() + 60 } }), 'proof_out_of_time'],
  ['no jti', () => proof({ claims: { jti: undefined } }), 'proof_malformed'],
  ['an empty jti', () => proof({ claims: { jti: '' } }), 'proof_malformed'],
  ['a number as jti', () => proof({ claims: { jti: 7 } }), 'proof_malformed'],
  ['a jti of 257 characters', () => proof({ claims: { jti: 'x'.repeat(257) } }), 'proof_malformed'],
  ['a nonce that is a number', () => proof({ claims: { nonce: 7 } }), 'proof_malformed'],
  ['a nonce of 513 characters', () => proof({ claims: { nonce: 'x'.repeat(513) } }), 'proof_malformed'],
];

const ALL = { FORMS, HEADERS, KEYS, SIGNATURES, CLAIMS };

test('there are enough of them', () => {
  expect(Object.values(ALL).flat().length).toBeGreaterThan(75);
});

describe.each(Object.entries(ALL))('%s: a proof', (_, bad) => {
  beforeAll(async () => expect((await exchange(proof())).status).toBe(200));

  test.each(bad)('with %s is refused', async (_name, dpop, reason) => {
    const reply = await exchange(dpop());
    await expectRefusal(broker, reply, {
      status: 400,
      error: 'invalid_dpop_proof',
      dialect: 'oauth',
      reason,
    });
    expect(reply.headers.get('dpop-nonce')).toBeNull();
  });
});

describe('a proof that was good', () => {
  test('is refused when it is shown again, also with another header around it, and in the other way to sign', async () => {
    const used = proof();
    expect((await exchange(used)).status).toBe(200);
    const again = await exchange(used);
    expect([again.status, again.body.error]).toEqual([400, 'invalid_dpop_proof']);
    expect((await broker.auditOf(again))[0]).toMatchObject({ reason: 'proof_replayed' });

    // ECDSA: with s the signature, n - s is another one of the same text.
    const [header, payload, signature] = used.split('.') as [string, string, string];
    const bytes = Buffer.from(signature, 'base64url');
    const order = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551');
    const other = (order - BigInt(`0x${bytes.subarray(32).toString('hex')}`)).toString(16).padStart(64, '0');
    const malleable = Buffer.concat([bytes.subarray(0, 32), Buffer.from(other, 'hex')]).toString('base64url');
    expect((await exchange(`${header}.${payload}.${malleable}`)).status).toBe(400);

    const { jti } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { jti: string };
    expect((await exchange(proof({ claims: { jti, more: 1 } }))).status).toBe(400);
    // Another's proof may bear the same name: nobody uses up the names of others.
    expect((await exchange(otherKey.proof('POST', target(), { claims: { jti } }))).status).toBe(200);
  });

  test('is let in once of many times at the same moment', async () => {
    const used = proof();
    const replies = await Promise.all(Array.from({ length: 20 }, () => exchange(used)));
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1);
  });

  test('is good for our own address, whatever the Host header says', async () => {
    expect((await exchange(proof(), { host: 'evil.example' })).status).toBe(200);
    const theirs = prover.proof('POST', 'http://evil.example/token');
    expect((await exchange(theirs, { host: 'evil.example' })).status).toBe(400);
  });

  test.each([
    ['its query and fragment', () => proof({ claims: { htu: `${target()}?a=b#c` } })],
    ['capital letters in its host', () => proof({ claims: { htu: target().replace('http:', 'HTTP:') } })],
    ['an escape that need not be', () => proof({ claims: { htu: `${broker.url}/%74oken` } })],
    ['a time half a minute ahead', () => proof({ claims: { iat: seconds() + 29 } })],
    ['a time a minute ago', () => proof({ claims: { iat: seconds() - 60 } })],
    ['a fraction of a second', () => proof({ claims: { iat: clock.now() / 1000 } })],
    ['a jti of 256 characters', () => proof({ claims: { jti: 'x'.repeat(256) } })],
    ['the hash of some token', () => proof({ claims: { ath: digested('some token') } })],
    [
      'what WebCrypto says of a key',
      () => proof({ header: { jwk: { ...prover.jwk, ext: true, key_ops: ['verify'] } } }),
    ],
    [
      'a kid, a use and an alg',
      () => proof({ header: { jwk: { ...prover.jwk, kid: 'k', use: 'sig', alg: 'ES256' } } }),
    ],
    ['2048 bits of RSA', () => proof(rsaParts(2048))],
    [
      'Ed25519 by its new name',
      () => {
        const jwk = ed25519.publicKey.export({ format: 'jwk' });
        return proof({
          header: { alg: 'Ed25519', jwk },
          sign: (input) => signWith(null, Buffer.from(input), ed25519.privateKey),
        });
      },
    ],
    [
      'ES384',
      () =>
        proof({
          header: { alg: 'ES384', jwk: p384.publicKey.export({ format: 'jwk' }) },
          sign: (input) =>
            signWith('sha384', Buffer.from(input), {
              key: createPrivateKey(p384.privateKey.export({ format: 'pem', type: 'pkcs8' })),
              dsaEncoding: 'ieee-p1363',
            }),
        }),
    ],
  ])('may have %s', async (_, dpop) => {
    const { status, text } = await exchange(dpop());
    expect(`${status} ${text}`).toMatch(/^200 .*"token_type":"DPoP"/);
  });
});

test('two DPoP headers are refused, though each is good by itself', async () => {
  const form = broker.exchangeForm('agent-1', { task_id: 'run-1', audience: 'crm' });
  const body = new URLSearchParams(form).toString();
  const send = (...proofs: string[]): Promise<string> =>
    new Promise((resolve, reject) => {
      const plain = ['host', new URL(broker.url).host, 'content-type', 'application/x-www-form-urlencoded'];
      const headers = [...plain, ...proofs.flatMap((one) => ['dpop', one])];
      const sent = request(target(), { method: 'POST', headers });
      sent.once('error', reject).once('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
        response.once('end', () => resolve(`${response.statusCode} ${text}`));
      });
      sent.end(body);
    });
  expect(await send(proof())).toMatch(/^200 /);
  expect(await send(proof(), proof())).toMatch(/^400 .*2 DPoP headers/);
});

test('who is not known fills nothing: a proof that came with a bad token can still be used', async () => {
  const used = proof();
  const form = broker.exchangeForm('agent-1', { task_id: 'run-1', audience: 'crm' });
  const bad = { ...form, subject_token: `${form['subject_token']}x` };
  expect((await broker.call('POST', '/token', { form: bad, headers: { dpop: used } })).status).toBe(400);
  expect((await exchange(used)).status).toBe(200);
});

test('no proof is written down anywhere: neither in the record nor in the log', async () => {
  const used = proof();
  const reply = await exchange(used);
  expect(JSON.stringify(await broker.auditOf(reply))).toContain(prover.jkt);
  const [, payload = ''] = used.split('.');
  for (const place of [JSON.stringify(await broker.auditOf(reply)), broker.log.join('\n')])
    expect(place).not.toContain(payload);
});
