// Names of tasks, leases, requests and principals: their form, how one is made, and what can be read off it.
import { createHash, randomBytes } from 'node:crypto';

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** 1 to 8 segments of `[A-Za-z0-9_-]{1,64}` joined by dots; a child's id is its parent's id, a dot and a name. */
export type TaskId = Branded<'TaskId'>;
/** `lease_`, then 10 characters of store time in milliseconds, 2 of slot and 16 of chance (80 bits), in Crockford's base 32. */
export type LeaseId = Branded<'LeaseId'>;
/** `req_`, 10 characters of time and 12 of chance: what the caller gets as `X-Request-Id` and the audit log is searched by. */
export type RequestId = Branded<'RequestId'>;
/** `<trust name>/<sub>`, or a SPIFFE ID. */
export type PrincipalName = Branded<'PrincipalName'>;

/** Into how many slots task trees are spread. A store that shards must keep a tree within one. */
export const SLOTS = 64;

export const TASK_ID = /^[A-Za-z0-9_-]{1,64}(?:\.[A-Za-z0-9_-]{1,64}){0,7}$/;
export const LEASE_ID = /^lease_[0-9a-hjkmnp-tv-z]{28}$/;
const REQUEST_ID = /^req_[0-9a-hjkmnp-tv-z]{22}$/;
const CROCKFORD = '0123456789abcdefghjkmnpqrstvwxyz';

export const isTaskId = (text: string): text is TaskId => TASK_ID.test(text);
export const isLeaseId = (text: string): text is LeaseId => LEASE_ID.test(text);
export const isRequestId = (text: string): text is RequestId => REQUEST_ID.test(text);

/** Trust names hold no slash, so the name says who vouches: no issuer can speak for another's subjects. */
export const principalName = (trust: string, subject: string): PrincipalName =>
  `${trust}/${subject}` as PrincipalName;

/** The first segment: the task that a whole tree hangs from. */
export function rootOf(id: TaskId): TaskId {
  const dot = id.indexOf('.');
  return (dot < 0 ? id : id.slice(0, dot)) as TaskId;
}

/** The id without its last segment, or undefined for a root. */
export function parentOf(id: TaskId): TaskId | undefined {
  const dot = id.lastIndexOf('.');
  return dot < 0 ? undefined : (id.slice(0, dot) as TaskId);
}

/** The task and all above it, nearest first. */
export function lineageOf(id: TaskId): TaskId[] {
  const lineage: TaskId[] = [];
  for (let at: TaskId | undefined = id; at !== undefined; at = parentOf(at)) lineage.push(at);
  return lineage;
}

/** Which of the 64 slots a task tree lives in: by the SHA-256 of its root segment, so a tree never splits. */
export function slotOf(id: TaskId): number {
  return createHash('sha256').update(rootOf(id)).digest()[0]! % SLOTS;
}

/** A lease's name. The time is the store's, so that a cut-off in store time can be compared with the name alone. */
export function leaseId(issuedAt: number, slot: number, chance: string): LeaseId {
  return `lease_${base32(issuedAt, 10)}${base32(slot, 2)}${chance}` as LeaseId;
}

/** The store's millisecond at which the lease came to be. */
export const leaseTime = (id: LeaseId): number => fromBase32(id.slice(6, 16));
export const leaseSlot = (id: LeaseId): number => fromBase32(id.slice(16, 18));

/** 16 characters, 80 bits: the part of a lease's name that nobody can guess. */
export const chance = (): string => randomText(16);
/** Names the loan of a lease to a sweeper, and tells when it began (milliseconds). */
export const loanName = (now: number): string => `loan_${base32(now, 10)}${chance()}`;
/** When the loan began; of what is no such name, before all time. */
export const loanTime = (name: string): number =>
  name.startsWith('loan_') ? fromBase32(name.slice(5, 15)) : 0;

/** Time first, so that an index over them grows at its end. */
export const requestId = (now = Date.now()): RequestId =>
  `req_${base32(now, 10)}${randomText(12)}` as RequestId;
export const newTaskId = (): TaskId => `task-${randomText(16)}` as TaskId;

const POOL_BYTES = 4096;
let pool = Buffer.alloc(0);
let used = 0;

/** Draws from a pool of random bytes: one system call for a few hundred names. Bytes are never used twice. */
function randomText(length: number): string {
  if (used + length > pool.length) {
    pool = randomBytes(POOL_BYTES);
    used = 0;
  }
  let text = '';
  for (const end = used + length; used < end; used++) text += CROCKFORD[pool[used]! & 31];
  return text;
}

function base32(value: number, length: number): string {
  let text = '';
  for (let rest = value; text.length < length; rest = Math.floor(rest / 32))
    text = CROCKFORD[rest % 32] + text;
  return text;
}

function fromBase32(text: string): number {
  let value = 0;
  for (const character of text) value = value * 32 + CROCKFORD.indexOf(character);
  return value;
}
