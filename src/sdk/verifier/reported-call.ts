// One call as the audit log takes it: what callers made up is cut to size, so that it keeps no other call out of the log.

export interface ReportedCall {
  /** Milliseconds since 1970, by this machine's clock. */
  readonly at: number;
  readonly tool: string;
  readonly action?: string | undefined;
  readonly resource?: string | undefined;
  readonly outcome: 'accepted' | 'refused';
  /** A code without `ERR_`, in small letters. */
  readonly reason?: string;
  readonly lease?: string;
  readonly task?: string;
  readonly agent?: string;
  /** Of what was shown, where it is no credential. */
  readonly token_digest?: string;
  readonly detail?: Readonly<Record<string, string | number | boolean>> | undefined;
}

const LONGEST_ACTION = 128;
const LONGEST_RESOURCE = 512;
const LONGEST_WORD = 32;
const MOST_DETAILS = 8;
const DETAIL_NAME = /^[a-z][a-z0-9_]{0,31}$/;

export function inForm({ at, action, resource, detail, ...facts }: ReportedCall): object {
  const details = Object.entries(detail ?? {})
    .filter(([name, value]) => DETAIL_NAME.test(name) && value !== '')
    .slice(0, MOST_DETAILS)
    .map(([name, value]) => [name, typeof value === 'string' ? value.slice(0, LONGEST_WORD) : value]);
  return {
    at: new Date(at).toISOString(),
    ...facts,
    // What is empty says nothing.
    ...(action && { action: action.slice(0, LONGEST_ACTION) }),
    ...(resource && { resource: resource.slice(0, LONGEST_RESOURCE) }),
    ...(details.length > 0 && { detail: Object.fromEntries(details) as object }),
  };
}
