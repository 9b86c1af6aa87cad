// The URI that a proof is for, in the one form in which two of them are compared (RFC 9449 §4.3, RFC 3986 §6.2).

/** Visible ASCII, an authority without a user in it; what a URL parser would silently mend is refused instead. */
const HTTP_URI = /^https?:\/\/[\w.~:[\]-]+(?:[/?#][\x21-\x5b\x5d-\x7e]*)?$/i;
const LONGEST = 2048;
const ESCAPE = /%([0-9a-f]{2})/gi;
const UNRESERVED = /[A-Za-z0-9._~-]/;

/**
 * Without query and fragment; scheme and host in small letters, no default port, no dot segments, nothing escaped
 * that need not be. Undefined for what is no absolute http URI.
 */
export function normalTarget(uri: string): string | undefined {
  if (uri.length > LONGEST || !HTTP_URI.test(uri) || !URL.canParse(uri)) return undefined;
  const { protocol, host, pathname } = new URL(uri);
  return `${protocol}//${host}${pathname.replaceAll(ESCAPE, plain)}`;
}

function plain(escape: string, hex: string): string {
  const character = String.fromCharCode(Number.parseInt(hex, 16));
  return UNRESERVED.test(character) ? character : escape.toUpperCase();
}
