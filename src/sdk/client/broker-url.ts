// The address of a broker, and of what is on it.
import { MayflyError } from './errors.js';

/**
 * Without a slash at the end. Over http, tokens go nowhere but to this machine.
 *
 * @throws MayflyError `ERR_USAGE`
 */
export function brokerUrl(written: string, plainHttpAllowed = false): string {
  if (!/^https?:\/\//i.test(written) || !URL.canParse(written)) {
    throw wrong(`${written} is no http or https URL`);
  }
  const url = new URL(written);
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw wrong('the URL of the broker has neither user, query nor fragment');
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname) && !plainHttpAllowed) {
    throw wrong(`${written} would carry your token unprotected: use https (or dangerously-plain-http)`);
  }
  return url.href.replace(/\/+$/, '');
}

/** Where no wire carries what is sent. */
export const isLoopback = (hostname: string): boolean =>
  hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname);

export type Query = Readonly<Record<string, string | number | undefined>>;

export function queryText(query: Query): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) given.set(name, String(value));
  }
  return given.size === 0 ? '' : `?${given.toString()}`;
}

/**
 * One segment of a path, whatever the name holds: a SPIFFE ID has slashes.
 *
 * @throws MayflyError `ERR_USAGE` for a name that would lead to another address
 */
export function segment(name: string): string {
  // Encoded or not, a URL drops these and what stands before them.
  if (/^\.{0,2}$/.test(name)) throw wrong(`${JSON.stringify(name)} is no name`);
  return encodeURIComponent(name);
}

const wrong = (message: string): MayflyError => new MayflyError('ERR_USAGE', message);
