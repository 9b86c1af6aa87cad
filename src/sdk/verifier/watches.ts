// Credentials that something long-lived runs on: told at once when one dies.

export interface Watch {
  /** Aborted when the credential is revoked or runs out; its reason is the `CredentialRefused`. */
  readonly signal: AbortSignal;
  /** Stops watching. */
  stop(): void;
  [Symbol.dispose](): void;
}
