// SPIFFE IDs (SPIFFE-ID §2): read without mercy, so that one workload has one name and no other text looks like it.

export interface SpiffeId {
  readonly trustDomain: string;
  /** With its leading slash; empty where the ID names the trust domain itself. */
  readonly path: string;
}

/** §2.3. */
const LONGEST_ID = 2048;
/** §2.1: no upper case, no port, no user, no percent-encoding. */
const TRUST_DOMAIN = /^[a-z0-9._-]{1,255}$/;
/** §2.2: no empty segment, so no slash at the end either. */
const SPIFFE_ID = /^spiffe:\/\/([^/]*)((?:\/[A-Za-z0-9._-]+)*)$/;
/** A way up or nowhere: two texts for one place, once somebody resolves it. */
const DOT_SEGMENT = /\/\.{1,2}(?:\/|$)/;

export const isTrustDomain = (text: string): boolean => TRUST_DOMAIN.test(text);

/** Undefined for anything that is not exactly a SPIFFE ID: nothing is trimmed, lowered or decoded. */
export function parseSpiffeId(text: string): SpiffeId | undefined {
  if (text.length > LONGEST_ID) return undefined;
  const [, trustDomain, path] = SPIFFE_ID.exec(text) ?? [];
  if (trustDomain === undefined || path === undefined) return undefined;
  return isTrustDomain(trustDomain) && !DOT_SEGMENT.test(path) ? { trustDomain, path } : undefined;
}
