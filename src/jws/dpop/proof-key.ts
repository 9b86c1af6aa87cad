// The key that a proof brings along: public, of the algorithm's kind, strong, and written in one way only.
import type { JsonWebKey, KeyObject } from 'node:crypto';
import { createPublicKey } from 'node:crypto';
import { Refusal } from '../../domain/refusal.js';
import type { SignatureAlgorithm } from '../algorithms.js';
import { ALGORITHM_FACTS, sameAlgorithm } from '../algorithms.js';
import { keyFits } from '../signature.js';
import { thumbprint } from '../thumbprint.js';
import { quoted } from '../quoted.js';

export interface ProofKey {
  readonly algorithm: SignatureAlgorithm;
  readonly members: JsonWebKey;
  readonly thumbprint: string;
}

/** RFC 7518 §6, RFC 8037 §2: what each kind of public key is made of. */
const MEMBERS = { EC: ['crv', 'kty', 'x', 'y'], OKP: ['crv', 'kty', 'x'], RSA: ['e', 'kty', 'n'] } as const;
/** RFC 9449 §4.2: a proof must not hold a private key; and a shared one proves nothing. */
const SECRET = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];
const SAID_OF_IT: ReadonlySet<string> = new Set(['alg', 'use', 'key_ops', 'kid', 'ext']);
/** Of an RSA modulus of 4096 bits, 683. */
const LONGEST_MEMBER = 700;
/** Whoever may choose the key chooses how long we work on its signature: larger ones cost milliseconds. */
const MOST_RSA_BITS = 4096;
const MOST_RSA_EXPONENT = 0xffff_ffffn;

const notAllowed = (detail: string): Refusal => new Refusal('proof_key_not_allowed', detail);

/** Looks at the text of the key alone, which costs next to nothing; `importKey` looks at the numbers in it. */
export function readKey(jwk: unknown, algorithm: SignatureAlgorithm): ProofKey | Refusal {
  if (typeof jwk !== 'object' || jwk === null || Array.isArray(jwk)) return notAllowed('jwk is no object');
  const given = jwk as Readonly<Record<string, unknown>>;
  const secret = SECRET.find((name) => Object.hasOwn(given, name));
  if (secret !== undefined)
    return notAllowed(`jwk has the member ${secret}: it is a private or a shared key`);
  const { kty, crv } = ALGORITHM_FACTS[algorithm];
  if (given['kty'] !== kty || (crv !== undefined && given['crv'] !== crv))
    return notAllowed(`kty ${quoted(given['kty'])} crv ${quoted(given['crv'])}, for ${algorithm}`);

  const members: JsonWebKey = {};
  for (const name of MEMBERS[kty]) {
    const value = given[name];
    if (typeof value !== 'string' || value.length > LONGEST_MEMBER) return notAllowed(`jwk.${name}`);
    members[name] = value;
  }
  const more = Object.keys(given).find((name) => !Object.hasOwn(members, name) && !SAID_OF_IT.has(name));
  if (more !== undefined) return notAllowed(`jwk has a member that is none of such a key: ${quoted(more)}`);
  return meantForThis(given, algorithm) ?? { algorithm, members, thumbprint: thumbprint(members) };
}

/** RFC 7517 §4.2 to §4.4: what the key says that it is for. */
function meantForThis(
  { alg, use, key_ops: operations }: Readonly<Record<string, unknown>>,
  algorithm: SignatureAlgorithm,
): Refusal | undefined {
  if (alg !== undefined && !(typeof alg === 'string' && sameAlgorithm(alg, algorithm)))
    return notAllowed(`jwk.alg ${quoted(alg)}, signed with ${algorithm}`);
  if (use !== undefined && use !== 'sig') return notAllowed(`jwk.use ${quoted(use)}`);
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify')))
    return notAllowed(`jwk.key_ops ${quoted(operations)}`);
  return undefined;
}

/** The key itself. Refuses what is no key, too weak, too slow, or the same key as another text. */
export function importKey({ algorithm, members }: ProofKey): KeyObject | Refusal {
  try {
    const key = createPublicKey({ key: members, format: 'jwk' });
    const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
    if (modulusLength > MOST_RSA_BITS || publicExponent > MOST_RSA_EXPONENT)
      return notAllowed(`RSA of ${modulusLength} bits: ${MOST_RSA_BITS} at most, with a short exponent`);
    if (!keyFits(algorithm, key)) return notAllowed(`too weak, or none for ${algorithm}`);
    const written = key.export({ format: 'jwk' });
    // One key, one thumbprint: zeros before a number would give it another name.
    const same = Object.entries(members).every(([name, value]) => written[name] === value);
    return same ? key : notAllowed('jwk is not written as RFC 7518 has it');
  } catch {
    return notAllowed('jwk is no key');
  }
}
