// Our synchronous signatures against jose's: what one signs the other takes, and neither takes anything else.
import { beforeAll, describe, expect, test } from '@jest/globals';
import { createPublicKey, generateKeyPairSync, randomBytes, randomInt, sign } from 'node:crypto';
import { CompactSign, compactVerify } from 'jose';
import { ALGORITHM_FACTS, SIGNATURE_ALGORITHMS, type SignatureAlgorithm } from '../../src/jws/algorithms.js';
import { keyFits, signSync, verifySync } from '../../src/jws/signature.js';
import { forge, type IssuerKey, issuerKey, weakKey } from '../fixtures/idp-keys.js';

const ROUNDS = 20;

const split = (token: string): [string, Buffer] => {
  const dot = token.lastIndexOf('.');
  return [token.slice(0, dot), Buffer.from(token.slice(dot + 1), 'base64url')];
};

function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const at = randomInt(copy.length);
  copy[at] = copy[at]! ^ (1 << randomInt(8));
  return copy;
}

const keys = new Map<SignatureAlgorithm, IssuerKey>();
beforeAll(async () => {
  for (const algorithm of SIGNATURE_ALGORITHMS) keys.set(algorithm, await issuerKey(algorithm, algorithm));
});

describe.each(SIGNATURE_ALGORITHMS)('%s', (algorithm) => {
  const { signatureBytes } = ALGORITHM_FACTS[algorithm];
  let key: IssuerKey;
  beforeAll(() => void (key = keys.get(algorithm)!));

  const joseTakes = (token: string): Promise<boolean> =>
    compactVerify(token, key.publicKey, { algorithms: [algorithm] }).then(
      () => true,
      () => false,
    );
  const byJose = (payload: Uint8Array): Promise<string> =>
    new CompactSign(payload).setProtectedHeader({ alg: algorithm }).sign(key.privateKey);

  test('jose takes what we sign, and we take what jose signs', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const payload = randomBytes(randomInt(200));
      expect(await joseTakes(forge(key, { alg: algorithm }, payload.toString('latin1')))).toBe(true);
      expect(verifySync(algorithm, key.publicKey, ...split(await byJose(payload)))).toBe(true);
    }
  });

  test('neither takes a signature in which one bit is another', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const [input, signature] = split(await byJose(randomBytes(20)));
      const other = flipped(signature);
      expect(verifySync(algorithm, key.publicKey, input, other)).toBe(false);
      expect(await joseTakes(`${input}.${other.toString('base64url')}`)).toBe(false);
    }
  });

  test('a signature is of its own input only', async () => {
    const [input, signature] = split(await byJose(randomBytes(20)));
    expect(verifySync(algorithm, key.publicKey, `${input}A`, signature)).toBe(false);
    expect(verifySync(algorithm, key.publicKey, '', signature)).toBe(false);
  });

  test('a signature has one length: nothing cut off, nothing added', async () => {
    const [input, signature] = split(await byJose(randomBytes(20)));
    if (signatureBytes !== undefined) expect(signature).toHaveLength(signatureBytes);
    const padded = Buffer.concat([Buffer.alloc(1), signature]);
    const longer = Buffer.concat([signature, Buffer.alloc(1)]);
    for (const other of [Buffer.alloc(0), signature.subarray(1), signature.subarray(0, -1), padded, longer]) {
      expect(verifySync(algorithm, key.publicKey, input, other)).toBe(false);
    }
  });

  test('bytes of a kind, such as all zero, are no signature and no fault', async () => {
    const [input, { length }] = split(await byJose(randomBytes(20)));
    for (const byte of [0, 1, 255])
      expect(verifySync(algorithm, key.publicKey, input, Buffer.alloc(length, byte))).toBe(false);
  });

  test('another key of the same kind does not take it', async () => {
    const [input, signature] = split(await byJose(randomBytes(20)));
    const other = await issuerKey(algorithm, 'other');
    expect(verifySync(algorithm, other.publicKey, input, signature)).toBe(false);
  });

  test('fits its own kind of key, and no other', () => {
    for (const other of SIGNATURE_ALGORITHMS) {
      const [mine, theirs] = [ALGORITHM_FACTS[algorithm], ALGORITHM_FACTS[other]];
      expect(keyFits(other, key.publicKey)).toBe(mine.kty === theirs.kty && mine.crv === theirs.crv);
    }
  });
});

test('an RSA key shorter than 2048 bits fits no algorithm', () => {
  const weak = weakKey(1024, 'weak');
  const odd = weakKey(2040, 'odd');
  for (const algorithm of SIGNATURE_ALGORITHMS) {
    expect(keyFits(algorithm, weak.publicKey)).toBe(false);
    expect(keyFits(algorithm, odd.publicKey)).toBe(false);
  }
  expect(keyFits('RS256', weakKey(2048, 'good').publicKey)).toBe(true);
});

test('an RSA key with the exponent 1, whose signatures anybody can write, fits no algorithm', () => {
  const jwk = { ...keys.get('RS256')!.publicKey.export({ format: 'jwk' }), e: 'AQ' };
  expect(keyFits('RS256', createPublicKey({ key: jwk, format: 'jwk' }))).toBe(false);
});

test('keys of kinds that are not in the table fit no algorithm', () => {
  const kinds = [
    generateKeyPairSync('ec', { namedCurve: 'secp256k1' }),
    generateKeyPairSync('ed448'),
    generateKeyPairSync('x25519'),
    generateKeyPairSync('rsa-pss', { modulusLength: 2048 }),
  ];
  for (const { publicKey } of kinds)
    for (const algorithm of SIGNATURE_ALGORITHMS) expect(keyFits(algorithm, publicKey)).toBe(false);
});

test('an ECDSA signature in DER is not one (RFC 7518 §3.4)', () => {
  for (const algorithm of ['ES256', 'ES384', 'ES512'] as const) {
    const { privateKey, publicKey } = keys.get(algorithm)!;
    const der = sign(ALGORITHM_FACTS[algorithm].digest, Buffer.from('input'), privateKey);
    expect(verifySync(algorithm, publicKey, 'input', der)).toBe(false);
  }
});

test('a PSS signature has a salt as long as its digest (RFC 7518 §3.5)', () => {
  const { privateKey, publicKey } = keys.get('PS256')!;
  for (const saltLength of [0, 20, 64]) {
    const signature = sign('sha256', Buffer.from('input'), { key: privateKey, padding: 6, saltLength });
    expect(verifySync('PS256', publicKey, 'input', signature)).toBe(false);
  }
  expect(verifySync('PS256', publicKey, 'input', signSync('PS256', privateKey, 'input'))).toBe(true);
});
