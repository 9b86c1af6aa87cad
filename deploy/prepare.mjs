// Makes the secrets that docker-compose.yml mounts, in deploy/secrets/. What is there already stays as it is.
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = process.argv[2] ?? fileURLToPath(new URL('secrets', import.meta.url));

/** The folder keeps others on this machine out; its files are mounted one by one, for users with other numbers. */
const READABLE_IN_CONTAINERS = 0o444;
const OURS_ALONE = 0o600;

/**
 * @param {string} name
 * @param {() => string} content
 * @param {number} mode
 */
function make(name, content, mode) {
  const file = path.join(folder, name);
  const isThere = existsSync(file);
  if (!isThere) writeFileSync(file, content(), { flag: 'wx', mode });
  // Whatever the umask took away.
  if (!isThere) chmodSync(file, mode);
  console.log(`${isThere ? 'kept' : 'made'} ${file}`);
}

/** RFC 7638: a name for the key that follows from the key. */
function publicHalf(/** @type {import('node:crypto').JsonWebKey} */ { crv, kty, x, y }) {
  const kid = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
  return { kty, crv, x, y, kid, alg: 'ES256', use: 'sig' };
}

mkdirSync(folder, { recursive: true, mode: 0o700 });
make('seal-key', () => `${randomBytes(32).toString('base64')}\n`, READABLE_IN_CONTAINERS);
make('redis-password', () => `${randomBytes(32).toString('hex')}\n`, READABLE_IN_CONTAINERS);
make(
  'try-key.json',
  () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    return `${JSON.stringify(privateKey.export({ format: 'jwk' }))}\n`;
  },
  OURS_ALONE,
);
const tryKey = JSON.parse(readFileSync(path.join(folder, 'try-key.json'), 'utf8'));
make('try-jwks.json', () => `${JSON.stringify({ keys: [publicHalf(tryKey)] })}\n`, READABLE_IN_CONTAINERS);
