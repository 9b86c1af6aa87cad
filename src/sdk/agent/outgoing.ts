// A request to a tool in the form in which it can be made again.
import { MayflyError } from '../client/errors.js';

export interface Outgoing {
  readonly url: URL;
  readonly init: RequestInit;
}

/**
 * Of a `Request` the body is read into memory: a second try needs it as well.
 *
 * @throws MayflyError `ERR_USAGE` for what is no whole address
 */
export async function outgoing(input: string | URL | Request, init: RequestInit): Promise<Outgoing> {
  if (!(input instanceof Request)) return { url: wholeUrl(input), init };
  const { url, method, headers, signal, redirect } = input;
  const body = /^(?:GET|HEAD)$/.test(method) ? undefined : await input.arrayBuffer();
  const given = { method, headers, signal, redirect, ...(body && body.byteLength > 0 && { body }) };
  return { url: new URL(url), init: { ...given, ...init } };
}

/** A tool may be at several addresses, so a path alone is at none of them. */
function wholeUrl(input: string | URL): URL {
  if (URL.canParse(String(input))) return new URL(input);
  throw new MayflyError(
    'ERR_USAGE',
    `${JSON.stringify(input)} is no whole address: it begins with https:// and the host`,
  );
}

/** Where an answer to a reading points to; undefined where it is not to be followed by us. */
export function redirection(response: Response, { url, init }: Outgoing): URL | undefined {
  const { method = 'GET', redirect = 'follow' } = init;
  const location = response.headers.get('location');
  if (![301, 302, 303, 307, 308].includes(response.status) || location === null) return undefined;
  if (redirect === 'error') throw new TypeError('the tool answered with a redirect');
  if (redirect !== 'follow' || !/^(?:get|head)$/i.test(method)) return undefined;
  return URL.canParse(location, url.href) ? new URL(location, url) : undefined;
}

/** RFC 6750 §3.1: expired, revoked, or otherwise no good. Another one may be. */
export const saysInvalid = (response: Response): boolean =>
  response.status === 401 &&
  /\berror="?invalid_token\b/i.test(response.headers.get('www-authenticate') ?? '');
