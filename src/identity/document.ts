// Fetches an issuer's JSON document: small, soon, and from where we asked, or not at all.
import { isLoopback } from '../domain/loopback.js';
import { parseStrictObject } from '../jws/strict-json.js';

const MOST_DOCUMENT_BYTES = 256 * 1024;
const TIMEOUT_MS = 5_000;

/** How a document is asked for. */
export interface Asking {
  readonly redirect: 'error';
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** The only authorities that may vouch for the server, in PEM; Node's own when absent. */
  readonly ca?: string;
}

/** Injected, so that nothing goes round it. */
export type Fetch = (
  url: string,
  asking: Asking,
) => Promise<Pick<Response, 'status' | 'body'> & Partial<Pick<Response, 'headers'>>>;

/** What a request carries besides itself. */
export interface Letter {
  readonly ca?: string;
  readonly bearer?: string;
}

/** @throws Error with what went wrong: the URL, a redirect, a status, the size, the time, or no strict JSON object. */
export async function fetchDocument(
  fetch: Fetch,
  url: string,
  { ca, bearer }: Letter = {},
): Promise<Record<string, unknown>> {
  if (!isGuarded(url)) throw new Error(`${url} is not https`);
  const response = await fetch(url, {
    // A redirect would let whoever answers choose where our keys come from.
    redirect: 'error',
    headers: {
      accept: 'application/json, application/jwk-set+json',
      ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
    },
    // Runs on while the body is read: an answer of one byte a second ends too.
    signal: AbortSignal.timeout(TIMEOUT_MS),
    ...(ca !== undefined && { ca }),
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`${url} answered ${response.status}`);
  }
  return strictDocument(await readBody(response, url), url);
}

/** The same of what was read from a file. */
export function strictDocument(bytes: Buffer, place: string): Record<string, unknown> {
  if (bytes.length > MOST_DOCUMENT_BYTES) throw new Error(`${place} is over ${MOST_DOCUMENT_BYTES} bytes`);
  const document = parseStrictObject(bytes);
  if (!document) throw new Error(`${place} is no strict JSON object`);
  return document;
}

/** Counts what arrives, unpacked; a Content-Length is only a promise. */
async function readBody(response: Pick<Response, 'body'>, url: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MOST_DOCUMENT_BYTES) throw new Error(`${url} is over ${MOST_DOCUMENT_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** https; plain http only to this machine, where nobody stands between. */
function isGuarded(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname));
}
