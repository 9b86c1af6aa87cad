// What a token says itself about the key that it is bound to (RFC 9449 §6.1). Read, not verified: that is for the broker.

/** `cnf.jkt`; undefined where it is bound to no key, or is no JWT. */
export function boundTo(token: string): string | undefined {
  const [, payload, ...more] = token.split('.');
  if (payload === undefined || more.length !== 1) return undefined;
  try {
    const bytes = Uint8Array.from(atob(payload.replaceAll('-', '+').replaceAll('_', '/')), (c) =>
      c.charCodeAt(0),
    );
    const claims = JSON.parse(new TextDecoder().decode(bytes)) as { cnf?: { jkt?: unknown } } | null;
    const jkt = claims?.cnf?.jkt;
    return typeof jkt === 'string' ? jkt : undefined;
  } catch {
    return undefined;
  }
}
