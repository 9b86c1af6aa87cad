// Headers of every answer, also of those that are no success: made once, as lines, and written as they are.

/** Names and values in turn, as Node takes them. */
export type HeaderLines = readonly string[];

const YEAR_SECONDS = 365 * 24 * 60 * 60;

/**
 * For an API, whose answers no browser is to show, frame, sniff at or hand to other origins: should somebody get one
 * to open an answer of ours as a page, it can do nothing there.
 *
 * @param https whether callers reach us by https: told to a browser over plain http, HSTS means nothing (RFC 6797 §7.2)
 */
export const securityHeaders = (https: boolean): HeaderLines => [
  'x-content-type-options',
  'nosniff',
  'content-security-policy',
  "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy',
  'no-referrer',
  'cross-origin-resource-policy',
  'same-origin',
  ...(https ? ['strict-transport-security', `max-age=${YEAR_SECONDS}`] : []),
];
