// What a refusal looks like from outside: one row of the tables that map reasons to the wire.
export interface WireError {
  /** Where problem details are spoken. */
  readonly status: number;
  readonly type: string;
  /** At OAuth endpoints: the error, answered with 400 unless `oauthStatus` says otherwise. */
  readonly oauth: string;
  readonly oauthStatus?: number;
  readonly say: string;
  /** The detail is about the caller's own input, and may be told. */
  readonly tellsDetail?: true;
  readonly retryAfterSeconds?: number;
}

const MOST_DESCRIBED = 500;

/** RFC 6749 §5.2: printable ASCII without `"` and `\\`. The detail may quote whatever the caller sent. */
export const describable = (text: string): string =>
  text
    .slice(0, MOST_DESCRIBED)
    .replaceAll('"', "'")
    .replaceAll(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, '?');

export const error = (
  status: number,
  type: string,
  oauth: string,
  say: string,
  more: Partial<WireError> = {},
): WireError => ({ status, type, oauth, say, ...more });
