// W3C Trace Context: of which trace a request is a part, and what a request that we send for its sake says of that.
import { randomBytes } from 'node:crypto';

declare const read: unique symbol;

/** Made by `readTrace` and nowhere else: its members have the form that the specification asks for. */
export interface TraceContext {
  readonly [read]: true;
  /** 32 digits in hexadecimal: found in log lines and in the audit log. */
  readonly traceId: string;
  /** Two digits in hexadecimal, as we know them: version 00 has but the bit of `sampled`. */
  readonly flags: string;
  /** What others along the way noted, unread and unchanged. */
  readonly state?: string;
}

/** §3.2.2. A later version may say more, behind another dash. */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const NO_TRACE = '0'.repeat(32);
const NO_PARENT = '0'.repeat(16);
const SAMPLED = 0x01;

/** §3.3.1.3: at most so many members; each a key, which may have a tenant before it, and a value of printable ASCII. */
const MOST_MEMBERS = 32;
const MEMBER =
  /^[ \t]*(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e][ \t]*$/;
/** §3.3.1.5 asks for 512 characters to be passed on; beyond this it is no state, but a burden. */
const MOST_STATE = 2048;

/**
 * Undefined where the caller named no trace. What cannot be read begins a new trace (§4.3), so that nothing of it
 * gets into records and other systems; the state goes with the parent that it belongs to.
 */
export function readTrace(parent: unknown, state: unknown): TraceContext | undefined {
  if (parent === undefined) return undefined;
  // More than one header is none that can be read (§4.3).
  const [, version, traceId, parentId, flags, more] = TRACEPARENT.exec(single(parent)) ?? [];
  const isRead =
    traceId !== undefined &&
    version !== 'ff' &&
    (version !== '00' || more === undefined) &&
    traceId !== NO_TRACE &&
    parentId !== NO_PARENT;
  if (!isRead) return context({ traceId: hex(16), flags: '00' });
  const known = (Number.parseInt(flags!, 16) & SAMPLED) === 0 ? '00' : '01';
  const kept = readState(state);
  return context({ traceId, flags: known, ...(kept !== undefined && { state: kept }) });
}

/** The headers of a request that we send for its sake: a part of the same trace, with a name of its own. */
export const onward = ({ traceId, flags, state }: TraceContext): Readonly<Record<string, string>> => ({
  traceparent: `00-${traceId}-${hex(8)}-${flags}`,
  ...(state !== undefined && { tracestate: state }),
});

/** One member that cannot be read, or a key that comes twice, makes all of it void (§3.3). */
function readState(state: unknown): string | undefined {
  const text = Array.isArray(state) ? state.join(',') : single(state);
  if (text === '' || text.length > MOST_STATE) return undefined;
  const members = text.split(',').filter((member) => member.trim() !== '');
  const keys = new Set(members.map((member) => member.slice(0, member.indexOf('=')).trim()));
  const isRead =
    members.length > 0 &&
    members.length <= MOST_MEMBERS &&
    keys.size === members.length &&
    members.every((member) => MEMBER.test(member));
  return isRead ? members.map((member) => member.trim()).join(',') : undefined;
}

const single = (header: unknown): string => (typeof header === 'string' ? header : '');

function hex(bytes: number): string {
  const text = randomBytes(bytes).toString('hex');
  // All zeros would be no name at all.
  return /[^0]/.test(text) ? text : hex(bytes);
}

const context = (members: Omit<TraceContext, typeof read>): TraceContext => members as TraceContext;
