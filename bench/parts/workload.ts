// Workload tokens, signed as an identity provider would: ES256, each with a `jti` of its own.
import { randomUUID } from 'node:crypto';
import { composeCompact } from '../../src/jws/compact.js';
import { signSync } from '../../src/jws/signature.js';
import { generatedPair } from '../../src/keys/generated-pair.js';

export const ALGORITHM = 'ES256';
const KEY_ID = 'bench';
const TOKEN_LASTS_SECONDS = 3600;

const { privateKey, publicKey } = generatedPair('ES256');

/** What verifies them. */
export const publicJwks = {
  keys: [{ ...publicKey.export({ format: 'jwk' }), kid: KEY_ID, alg: ALGORITHM, use: 'sig' }],
};

export function workloadToken(issuer: string, subject: string, audience: string): string {
  const now = Math.floor(Date.now() / 1000);
  const header = { alg: ALGORITHM, typ: 'JWT', kid: KEY_ID };
  const claims = {
    iss: issuer,
    sub: subject,
    aud: audience,
    iat: now,
    exp: now + TOKEN_LASTS_SECONDS,
    jti: randomUUID(),
  };
  return composeCompact(header, claims, (input) => signSync(ALGORITHM, privateKey, input));
}
