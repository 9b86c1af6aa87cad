// Answers that have no type of their own on the wire, as OAuth leaves them open.

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
