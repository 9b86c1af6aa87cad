// One call as the audit log takes it: what callers made up is cut to size, so that it keeps no other call out of the log.
import type { VerifiedCredential } from './credential.js';
import type { Denied } from './gate.js';
import type { Want } from './options.js';

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

export function acceptedCall(
  { leaseId: lease, taskId: task, sub: agent }: VerifiedCredential,
  { tool, action, resource, detail }: Want,
): ReportedCall {
  const what = { tool, action: action ?? undefined, resource };
  return { at: Date.now(), ...what, outcome: 'accepted', lease, task, agent, detail };
}

export function refusedCall(
  { denied, credential, tokenDigest }: Denied,
  { tool, action, resource, detail }: Want,
): ReportedCall {
  return {
    at: Date.now(),
    tool,
    action: action ?? undefined,
    resource,
    outcome: 'refused',
    reason: denied.slice('ERR_'.length).toLowerCase(),
    ...(credential && { lease: credential.leaseId, task: credential.taskId, agent: credential.sub }),
    ...(tokenDigest !== undefined && { token_digest: tokenDigest }),
    detail,
  };
}
