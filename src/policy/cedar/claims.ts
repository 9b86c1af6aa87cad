// The verified claims of a token as tags of an entity: each a set of texts, whatever its issuer made of it.

export type Tags = Readonly<Record<string, readonly string[]>>;
type Claims = Readonly<Record<string, unknown>>;

/** They tell of the token and not of whoever bears it: with them no two decisions would rest on the same. */
const OF_THE_TOKEN: ReadonlySet<string> = new Set(['exp', 'iat', 'nbf', 'jti']);
/** Where no issuer goes, and a text that was made to would take our stack. */
const DEEPEST = 8;

/**
 * A text, a number and a truth value are a set of one; a list is the set of its members; members of an object are named
 * by the path to them, with dots. A claim that is itself called by such a path stands before it.
 */
export function tagsOf(claims: Claims): Tags {
  const tags = Object.create(null) as Record<string, readonly string[]>;
  const add = (name: string, value: unknown, depth: number): void => {
    if (isScalar(value)) tags[name] ??= [String(value)];
    else if (Array.isArray(value)) tags[name] ??= value.filter(isScalar).map(String);
    else if (typeof value === 'object' && value !== null && depth < DEEPEST)
      for (const [member, inner] of Object.entries(value)) add(`${name}.${member}`, inner, depth + 1);
  };
  const given = Object.entries(withoutTokenClaims(claims));
  for (const [name, value] of given.filter(([, one]) => isPlain(one))) add(name, value, 0);
  for (const [name, value] of given.filter(([, one]) => !isPlain(one))) add(name, value, 0);
  // As any other object: one without a prototype takes ten times as long to be written down.
  return Object.fromEntries(Object.entries(tags));
}

/** What says nothing of the bearer: two tokens of it would otherwise never be the same. */
export const withoutTokenClaims = (claims: Claims): Claims =>
  Object.fromEntries(Object.entries(claims).filter(([name]) => !OF_THE_TOKEN.has(name)));

const isScalar = (value: unknown): value is string | number | boolean =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';

const isPlain = (value: unknown): boolean => isScalar(value) || Array.isArray(value);
