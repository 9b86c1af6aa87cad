// The SCRAM-SHA-256 verifier of a password (RFC 5802, RFC 7677): a server that has it can check the password and not say it.
import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

const SALT_BYTES = 16;
/** RFC 7677 §4: at least so many. More would slow down every login, and a random password needs none. */
const ITERATIONS = 4096;
const KEY_BYTES = 32;

const derive = promisify(pbkdf2);

/**
 * As PostgreSQL keeps it in `pg_authid`. It takes such a text for what it is, so the password itself never gets there,
 * and stands in no log of its statements.
 *
 * For passwords of ASCII only: those come out of SASLprep (RFC 4013) as they went in.
 */
export async function scramVerifier(
  password: string,
  salt: Buffer = randomBytes(SALT_BYTES),
): Promise<string> {
  const salted = await derive(password, salt, ITERATIONS, KEY_BYTES, 'sha256');
  const keyed = (name: string): Buffer => createHmac('sha256', salted).update(name).digest();
  const storedKey = createHash('sha256').update(keyed('Client Key')).digest('base64');
  const serverKey = keyed('Server Key').toString('base64');
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}
