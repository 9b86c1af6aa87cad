// Fetches an issuer's JSON document: small, soon, and from where we asked, or not at all.

export const MOST_DOCUMENT_BYTES = 256 * 1024;
const TIMEOUT_MS = 5_000;

/** Injected, so that nothing goes round it. */
export type Fetch = typeof globalThis.fetch;

/** @throws Error with what went wrong: a redirect, a status, the size, the time, or no JSON object. */
export async function fetchDocument(fetch: Fetch, url: string): Promise<Record<string, unknown>> {
  const response = await fetch(url, {
    // A redirect would let whoever answers choose where our keys come from.
    redirect: 'error',
    headers: { accept: 'application/json, application/jwk-set+json' },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`${url} answered ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MOST_DOCUMENT_BYTES) throw new Error(`${url} is over ${MOST_DOCUMENT_BYTES} bytes`);
    chunks.push(chunk);
  }
  const document: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw new Error(`${url} is no JSON object`);
  }
  return document as Record<string, unknown>;
}
