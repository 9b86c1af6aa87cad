// JWS compact serialisation (RFC 7515 §3.1), read without mercy: one text for one token, and nothing around it.
import { Refusal } from '../domain/refusal.js';
import { parseStrictObject } from './strict-json.js';

/** Longer than any workload token that we know of; a limit before any work is done. */
const MOST_TOKEN_BYTES = 16 * 1024;

export interface CompactToken {
  readonly header: Readonly<Record<string, unknown>>;
  readonly payload: Readonly<Record<string, unknown>>;
  /** What the signature is over: the first two segments and their dot. */
  readonly signingInput: string;
  readonly signature: Buffer;
}

/** Costs nothing, so that it can be asked before anything else is done with the text. */
export const tooLarge = (token: string, mostBytes = MOST_TOKEN_BYTES): Refusal | undefined =>
  token.length > mostBytes ? new Refusal('token_too_large', `over ${mostBytes} bytes`) : undefined;

/** The token's parts, or why it is none: `token_too_large`, `token_encrypted` (a JWE has five) or `token_malformed`. */
export function parseCompact(token: string, mostBytes = MOST_TOKEN_BYTES): CompactToken | Refusal {
  const large = tooLarge(token, mostBytes);
  if (large) return large;
  const segments = token.split('.', 6);
  if (segments.length === 5) return new Refusal('token_encrypted', 'a JWE');
  if (segments.length !== 3) return new Refusal('token_malformed', 'not three segments');
  const [header, payload, signature] = segments.map(fromBase64url);
  if (!header || !payload || !signature) return new Refusal('token_malformed', 'not canonical base64url');
  const headerMembers = parseStrictObject(header);
  if (!headerMembers) return new Refusal('token_malformed', 'the header is no strict JSON object');
  const payloadMembers = parseStrictObject(payload);
  if (!payloadMembers) return new Refusal('token_malformed', 'the payload is no strict JSON object');
  const signingInput = token.slice(0, token.lastIndexOf('.'));
  return { header: headerMembers, payload: payloadMembers, signingInput, signature };
}

/** The rest of a token whose header, up to the first dot, was read before: in another token that began with the same text. */
export function parseBehindHeader(
  token: string,
  dot: number,
  mostBytes = MOST_TOKEN_BYTES,
): Omit<CompactToken, 'header'> | Refusal {
  const large = tooLarge(token, mostBytes);
  if (large) return large;
  const last = token.lastIndexOf('.');
  // A third dot stands in one of the two, where base64url has none.
  const payload = fromBase64url(token.slice(dot + 1, last));
  const signature = fromBase64url(token.slice(last + 1));
  if (!payload || !signature) return new Refusal('token_malformed', 'not canonical base64url');
  const members = parseStrictObject(payload);
  if (!members) return new Refusal('token_malformed', 'the payload is no strict JSON object');
  return { payload: members, signingInput: token.slice(0, last), signature };
}

/** Undefined where the text is empty, or not the one way to write its bytes: padding, white space, spare bits. */
function fromBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return text !== '' && bytes.toString('base64url') === text ? bytes : undefined;
}

/** A signed token. `sign` gives the signature of its input. */
export function composeCompact(
  header: object,
  payload: object,
  sign: (signingInput: string) => Buffer,
): string {
  const input = `${toBase64url(header)}.${toBase64url(payload)}`;
  return `${input}.${sign(input).toString('base64url')}`;
}

const toBase64url = (members: object): string => Buffer.from(JSON.stringify(members)).toString('base64url');
