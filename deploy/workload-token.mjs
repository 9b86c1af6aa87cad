// Prints a workload token of the issuer `try`, as whom you like: `node deploy/workload-token.mjs planner`.
import { createPrivateKey, randomUUID, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const LIFETIME_SECONDS = 3600;

const [name, folder = fileURLToPath(new URL('secrets', import.meta.url))] = process.argv.slice(2);
if (name === undefined) {
  console.error('usage: node deploy/workload-token.mjs planner|agent-1|operator|approver|auditor|crm-api');
  process.exit(2);
}

const key = JSON.parse(readFileSync(path.join(folder, 'try-key.json'), 'utf8'));
const { kid } = JSON.parse(readFileSync(path.join(folder, 'try-jwks.json'), 'utf8')).keys[0];
const now = Math.floor(Date.now() / 1000);
const claims = {
  iss: 'https://try.example',
  sub: name,
  aud: 'mayfly',
  iat: now,
  exp: now + LIFETIME_SECONDS,
  jti: randomUUID(),
};
const signed = [{ alg: 'ES256', typ: 'JWT', kid }, claims]
  .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
  .join('.');
const signature = sign('sha256', Buffer.from(signed), {
  key: createPrivateKey({ key, format: 'jwk' }),
  dsaEncoding: 'ieee-p1363',
});
console.log(`${signed}.${signature.toString('base64url')}`);
