// What a request wants: the same for all, or read off each.
import type { Want } from '../options.js';

type Wanted = Omit<Want, 'request'>;

/** `request` of it is filled in. */
export type WantOf<Request> = Wanted | ((request: Request) => Wanted | Promise<Wanted>);

export const wantOf = async <Request>(want: WantOf<Request>, request: Request): Promise<Wanted> =>
  typeof want === 'function' ? want(request) : want;
