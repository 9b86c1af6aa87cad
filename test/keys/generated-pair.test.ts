// New key pairs: of the kind that was asked for, and belonging together.
import { expect, test } from '@jest/globals';
import { sign, verify } from 'node:crypto';
import { generatedPair } from '../../src/keys/generated-pair.js';

test.each([
  ['ES256', 'ec', { namedCurve: 'prime256v1' }],
  ['Ed25519', 'ed25519', {}],
  ['RS256', 'rsa', { modulusLength: 2048 }],
] as const)(
  'for %s: what one signs, the other verifies, and no two are alike',
  (algorithm, type, details) => {
    const [pair, other] = [generatedPair(algorithm), generatedPair(algorithm)];
    const digest = algorithm === 'Ed25519' ? null : 'sha256';
    const text = Buffer.from('text');
    const signature = sign(digest, text, pair.privateKey);
    expect(pair.publicKey).toMatchObject({ asymmetricKeyType: type, asymmetricKeyDetails: details });
    expect(verify(digest, text, pair.publicKey, signature)).toBe(true);
    expect(verify(digest, text, other.publicKey, signature)).toBe(false);
  },
);
