// Fetches an issuer's JSON document: small, soon, and from where we asked, or not at all.
import { isLoopback } from '../domain/loopback.js';
import { parseStrictObject } from '../jws/strict-json.js';

const MOST_DOCUMENT_BYTES = 256 * 1024;
const TIMEOUT_MS = 5_000;

/** Injected, so that nothing goes round it. */
export type Fetch = typeof globalThis.fetch;

/** @throws Error with what went wrong: the URL, a redirect, a status, the size, the time, or no strict JSON object. */
export async function fetchDocument(fetch: Fetch, url: string): Promise<Record<string, unknown>> {
  if (!isGuarded(url)) throw new Error(`${url} is not https`);
  const response = await fetch(url, {
    // A redirect would let whoever answers choose where our keys come from.
    redirect: 'error',
    headers: { accept: 'application/json, application/jwk-set+json' },
    // Runs on while the body is read: an answer of one byte a second ends too.
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`${url} answered ${response.status}`);
  }
  const document = parseStrictObject(await readBody(response, url));
  if (!document) throw new Error(`${url} is no strict JSON object`);
  return document;
}

/** Counts what arrives, unpacked; a Content-Length is only a promise. */
async function readBody(response: Response, url: string): Promise<Buffer> {
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
