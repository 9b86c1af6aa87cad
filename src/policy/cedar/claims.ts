// The verified claims of a token as tags of an entity: each a set of texts, whatever its issuer made of it, and no secret.
import { sha256 } from '../../domain/digest.js';

export type Tags = Readonly<Record<string, readonly string[]>>;
type Claims = Readonly<Record<string, unknown>>;

/** They tell of the token and not of whoever bears it: with them no two decisions would rest on the same. */
const OF_THE_TOKEN: ReadonlySet<string> = new Set(['exp', 'iat', 'nbf', 'jti', 'kubernetes.io.warnafter']);
/** Where no issuer goes, and a text that was made to would take our stack. */
const DEEPEST = 8;

/** What opens something else, as an issuer may hand it on (OpenID Connect Core §5.6.2): tags are kept, and it must not be. */
const OF_A_SECRET = /(?:^|[._])(?:access_token|refresh_token|id_token|client_secret|password)$/i;
/** A JWS or a JWE in its compact form, whatever it is called. Whether it is the same one, its digest tells as well. */
const IS_TOKEN = /^eyJ[\w-]*(?:\.[\w-]*){2,4}$/;

const textOf = (value: string | number | boolean): string =>
  typeof value === 'string' && IS_TOKEN.test(value) ? sha256(value) : String(value);

/**
 * A text, a number and a truth value are a set of one; a list is the set of its members; members of an object are named
 * by the path to them, with dots. A claim that is itself called by such a path stands before it.
 */
export function tagsOf(claims: Claims): Tags {
  const tags = Object.create(null) as Record<string, readonly string[]>;
  const add = (name: string, value: unknown, depth: number): void => {
    if (OF_A_SECRET.test(name) || OF_THE_TOKEN.has(name)) return;
    if (isScalar(value)) tags[name] ??= [textOf(value)];
    else if (Array.isArray(value)) tags[name] ??= value.filter(isScalar).map(textOf);
    else if (typeof value === 'object' && value !== null && depth < DEEPEST)
      for (const [member, inner] of Object.entries(value)) add(`${name}.${member}`, inner, depth + 1);
  };
  const given = Object.entries(claims);
  for (const [name, value] of given.filter(([, one]) => isPlain(one))) add(name, value, 0);
  // `a.b` before `a`, whichever came first: whoever may name members of `a` must not speak for `a.b`.
  const nested = given.filter(([, one]) => !isPlain(one)).toSorted(([a], [b]) => b.length - a.length);
  for (const [name, value] of nested) add(name, value, 0);
  // As any other object: one without a prototype takes ten times as long to be written down.
  return Object.fromEntries(Object.entries(tags));
}

const isScalar = (value: unknown): value is string | number | boolean =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';

const isPlain = (value: unknown): boolean => isScalar(value) || Array.isArray(value);
