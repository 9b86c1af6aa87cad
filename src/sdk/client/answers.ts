// How answers are read, and those that have no type of their own on the wire, as OAuth leaves them open.
import { MayflyError } from './errors.js';

/** RFC 7662. Of a credential that is not alive, `active` is false and all there is. */
export type Introspection = { readonly active: boolean } & Readonly<Record<string, unknown>>;

/** RFC 8414. */
export type ServerMetadata = {
  readonly issuer: string;
  readonly token_endpoint: string;
  readonly jwks_uri: string;
} & Readonly<Record<string, unknown>>;

/** RFC 7517. */
export interface KeySet {
  readonly keys: readonly ({ readonly kty: string; readonly kid?: string } & Readonly<
    Record<string, unknown>
  >)[];
}

export interface Readiness {
  readonly ready: boolean;
  /** What keeps the broker from its work. */
  readonly why?: string;
}

/** @throws MayflyError `ERR_NOT_A_BROKER` for what is no JSON */
export function jsonIn<Body>(text: string, url: string): Body {
  try {
    return JSON.parse(text) as Body;
  } catch {
    const message = `what answers at ${url} is no Mayfly broker: it sent no JSON`;
    throw new MayflyError('ERR_NOT_A_BROKER', message);
  }
}
