// What a request wants: the same for all, or read off each.
import type { Want } from '../options.js';
import type { Verifier } from '../verifier.js';

type Wanted = Omit<Want, 'request'>;

/** `request` of it is filled in. */
export type WantOf<Request> = Wanted | ((request: Request) => Wanted | Promise<Wanted>);

export const wantOf = async <Request>(want: WantOf<Request>, request: Request): Promise<Wanted> =>
  typeof want === 'function' ? want(request) : want;

/**
 * A tool that the verifier was not told of is found out when the program starts, and not by its first caller.
 *
 * @throws MayflyError `ERR_USAGE`
 */
export function checkWant<Request>(verifier: Verifier, want: WantOf<Request>): void {
  if (typeof want !== 'function') verifier.tool(want.tool);
}
