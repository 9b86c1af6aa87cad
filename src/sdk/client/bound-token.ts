// What a token says itself: which key it is bound to (RFC 9449 §6.1), whom it is for. Read, not verified: that is for others.

/** `cnf.jkt`; undefined where it is bound to no key, or is no JWT. */
export function boundTo(token: string): string | undefined {
  const jkt = (claimsIn(token)?.cnf as { jkt?: unknown } | undefined)?.jkt;
  return typeof jkt === 'string' ? jkt : undefined;
}

/** `aud` (RFC 7519 §4.1.3): nothing of what is no JWT. */
export const audienceOf = (token: string): readonly string[] =>
  [claimsIn(token)?.aud].flat().filter((audience) => typeof audience === 'string');

function claimsIn(token: string): { cnf?: unknown; aud?: unknown } | undefined {
  const [, payload, ...more] = token.split('.');
  if (payload === undefined || more.length !== 1) return undefined;
  try {
    const bytes = Uint8Array.from(atob(payload.replaceAll('-', '+').replaceAll('_', '/')), (c) =>
      c.charCodeAt(0),
    );
    return JSON.parse(new TextDecoder().decode(bytes)) as { cnf?: unknown; aud?: unknown };
  } catch {
    return undefined;
  }
}
