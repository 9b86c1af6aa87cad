// New key pairs, made so that their keys can be exported.
import type { KeyObject } from 'node:crypto';
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';

export type SigningAlgorithm = 'ES256' | 'Ed25519' | 'RS256';

/**
 * Node 20 exports a key under a lock that it shares with the job that made it, and takes the same lock to throw that job away:
 * where the garbage collector does so in the middle of an export, the process stands still for ever. So a pair comes out
 * of its job as bytes, and its keys are read from those.
 */
export function generatedPair(algorithm: SigningAlgorithm): { privateKey: KeyObject; publicKey: KeyObject } {
  const { privateKey, publicKey } = bytesOfPair(algorithm);
  return {
    privateKey: createPrivateKey({ key: privateKey, ...PKCS8 }),
    publicKey: createPublicKey({ key: publicKey, ...SPKI }),
  };
}

const SPKI = { format: 'der', type: 'spki' } as const;
const PKCS8 = { format: 'der', type: 'pkcs8' } as const;

function bytesOfPair(algorithm: SigningAlgorithm): { privateKey: Buffer; publicKey: Buffer } {
  switch (algorithm) {
    case 'ES256':
      return generateKeyPairSync('ec', {
        namedCurve: 'P-256',
        publicKeyEncoding: SPKI,
        privateKeyEncoding: PKCS8,
      });
    case 'Ed25519':
      return generateKeyPairSync('ed25519', {
        publicKeyEncoding: SPKI,
        privateKeyEncoding: PKCS8,
      });
    case 'RS256':
      return generateKeyPairSync('rsa', {
        modulusLength: 2048,
        publicKeyEncoding: SPKI,
        privateKeyEncoding: PKCS8,
      });
  }
}
