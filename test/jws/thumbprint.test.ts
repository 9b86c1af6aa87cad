// Our one line for thumbprints against jose, and against the RFC.
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { calculateJwkThumbprint } from 'jose';
import { thumbprint } from '../../src/jws/thumbprint.js';

/** RFC 7638 §3.1. */
const RFC_KEY = {
  kty: 'RSA',
  n: '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw',
  e: 'AQAB',
  alg: 'RS256',
  kid: '2011-04-29',
};

test('the key of the RFC has the thumbprint of the RFC', () => {
  expect(thumbprint(RFC_KEY)).toBe('NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs');
});

describe('the same as jose', () => {
  const pairs = {
    'P-256': () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    'P-384': () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
    'P-521': () => generateKeyPairSync('ec', { namedCurve: 'P-521' }),
    Ed25519: () => generateKeyPairSync('ed25519'),
    RSA: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  };
  test.each(Object.entries(pairs))('for %s, whatever else is said of the key', async (_, pair) => {
    for (let n = 0; n < 3; n++) {
      const jwk = pair().publicKey.export({ format: 'jwk' });
      expect(thumbprint(jwk)).toBe(await calculateJwkThumbprint(jwk));
      const backwards = Object.fromEntries(Object.entries({ ...jwk, kid: 'k', use: 'sig' }).toReversed());
      expect(thumbprint(backwards)).toBe(thumbprint(jwk));
    }
  });
});
