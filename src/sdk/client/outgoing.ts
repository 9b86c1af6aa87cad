// The forms of requests that the contract has.
import type { Query } from './broker-url.js';
import type { Outgoing } from './channel.js';

type Target = Pick<Outgoing, 'method' | 'path' | 'as'>;

export const get = (path: string, query: Query = {}): Outgoing => ({
  method: 'GET',
  path,
  query,
  as: 'caller',
  repeatable: true,
});

export const open = (path: string): Outgoing => ({ ...get(path), as: 'nobody' });

export const post = (path: string, json?: object): Target & { readonly json?: object } => ({
  method: 'POST',
  path,
  as: 'caller',
  ...(json && { json }),
});
