// The one JSON-RPC message of a request's body, read once and strictly: what is judged is what the server is given.
import { parseStrictObject } from '../../jws/strict-json.js';

/** A request or a notification. */
export interface Message {
  readonly kind: 'asks';
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly body: object;
}

/** What a client says to something that the server asked of it. */
interface Reply {
  readonly kind: 'replies';
  readonly body: object;
}

/** JSON-RPC 2.0 §5.1, with the HTTP status that goes with it. */
export interface Flaw {
  readonly kind: 'flawed';
  readonly status: 400 | 413 | 415;
  readonly code: number;
  readonly message: string;
}

const METHOD = /^[\x21-\x7e]{1,128}$/;
const INVALID_REQUEST = -32600;
export const INVALID_PARAMS = -32602;
const PARSE_ERROR = -32700;

/**
 * @param parsed what a body parser in front of us made of it, where there was one
 */
export async function messageOf(
  request: Request,
  parsed: unknown,
  mostBytes: number,
): Promise<Message | Reply | Flaw> {
  if (parsed !== undefined) return messageIn(parsed);
  const type = request.headers.get('content-type') ?? '';
  if (!/^application\/json *(?:;|$)/i.test(type.trim())) {
    return flaw(415, INVALID_REQUEST, 'The body must be application/json.');
  }
  const bytes = await bytesOf(request, mostBytes);
  if (bytes === undefined) return flaw(413, INVALID_REQUEST, `The body must not exceed ${mostBytes} bytes.`);
  // A batch is no object: the protocol has had none since 2025-06-18, and one call hides well among a hundred.
  const body = parseStrictObject(bytes);
  return body === undefined
    ? flaw(400, PARSE_ERROR, 'The body must be one JSON object, with no member twice.')
    : messageIn(body);
}

function messageIn(body: unknown): Message | Reply | Flaw {
  if (!isRecord(body)) return flaw(400, INVALID_REQUEST, 'The body must be one JSON-RPC message.');
  const method = ownMember(body, 'method');
  if (method === undefined && ('result' in body || 'error' in body)) return { kind: 'replies', body };
  const params = ownMember(body, 'params') ?? {};
  if (typeof method !== 'string' || !METHOD.test(method) || !isRecord(params)) {
    return flaw(400, INVALID_REQUEST, 'The message must name a method, and its params must be an object.');
  }
  return { kind: 'asks', method, params, body };
}

/** The length that is declared is a claim: what counts is what comes. */
async function bytesOf(request: Request, most: number): Promise<Uint8Array | undefined> {
  if (Number(request.headers.get('content-length')) > most) return undefined;
  const pieces: Uint8Array[] = [];
  let length = 0;
  // In Node a stream can be read piece by piece; the types of fetch do not say so.
  for await (const piece of (request.body ?? []) as AsyncIterable<Uint8Array>) {
    length += piece.byteLength;
    if (length > most) return undefined;
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** Absent of a notification, which nobody answers. */
export function requestIdIn(body: object): string | number | undefined {
  const id = 'method' in body ? ownMember(body, 'id') : undefined;
  return typeof id === 'string' || typeof id === 'number' ? id : undefined;
}

/** `constructor` and its like are members of every object, and none that a client sent. */
export const ownMember = (record: object, name: string): unknown =>
  Object.hasOwn(record, name) ? (record as Record<string, unknown>)[name] : undefined;

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const flaw = (status: Flaw['status'], code: number, message: string): Flaw => ({
  kind: 'flawed',
  status,
  code,
  message,
});
