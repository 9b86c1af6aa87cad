// Where a credential may go: to the tool that it is for, and nowhere else.
import { isLoopback } from '../client/broker-url.js';
import { MayflyError } from '../client/errors.js';

/** An address, and what is below it. */
export class Reach {
  readonly #tool: string;
  readonly #places: readonly URL[];

  /** @throws MayflyError `ERR_USAGE` where no place is one that a credential can be sent to */
  constructor(tool: string, places: readonly string[], plainHttpAllowed = false) {
    this.#tool = tool;
    this.#places = places
      .filter((place) => /^https?:\/\//i.test(place) && URL.canParse(place))
      .map((place) => new URL(place))
      .filter(({ protocol, hostname }) => protocol === 'https:' || isLoopback(hostname) || plainHttpAllowed);
    if (this.#places.length > 0) return;
    const named = places.length === 0 ? 'its credential names no audience' : `there is ${places.join(', ')}`;
    const message = `where ${tool} is reached is not known: ${named}. Say it: { url: 'https://…' }`;
    throw new MayflyError('ERR_USAGE', message);
  }

  has(url: URL): boolean {
    return this.#places.some((place) => url.origin === place.origin && isBelow(url.pathname, place.pathname));
  }

  /** @throws MayflyError `ERR_USAGE` */
  check(url: URL): void {
    if (this.has(url)) return;
    const places = this.#places.map(({ href }) => href).join(', ');
    const message = `${url.origin}${url.pathname} is not at ${this.#tool} (${places}): its credential does not go there`;
    throw new MayflyError('ERR_USAGE', message);
  }
}

function isBelow(path: string, place: string): boolean {
  const prefix = place.replace(/\/+$/, '');
  if (path !== prefix && !path.startsWith(`${prefix}/`)) return false;
  // `URL` resolved what it sees as `..`; a server that decodes `%2f` and `%5c` first sees more, and goes up.
  return (
    prefix === '' ||
    !path
      .replaceAll(/%2f|%5c|\\/gi, '/')
      .replaceAll(/%2e/gi, '.')
      .split('/')
      .includes('..')
  );
}
