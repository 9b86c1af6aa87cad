// Between the records in Redis and the domain's: a line of JSON with what changes, and a line with what does not.
import type { AuditConclusion, AuditEvent, AuditFacts } from '../../audit/event.js';
import type { AuditEntry } from '../../audit/entry.js';
import { withoutTokens } from '../../audit/entry.js';
import { SLOTS, leaseId } from '../../domain/ids.js';
import type { LeaseId, TaskId } from '../../domain/ids.js';
import type { Lease, LeaseEnding, LeaseState } from '../../domain/lease.js';
import { settledAs } from '../../domain/lease.js';
import type { Revocation } from '../../domain/revocation.js';
import type { SelectorKind } from '../../domain/selector.js';
import type { Task } from '../../domain/task.js';
import type { NewTask, LeaseRequest } from '../store.js';

/** JSON that Lua can read: half of a surrogate pair, which is no character, becomes the sign for that. */
export function luaJson(value: unknown): string {
  const text = JSON.stringify(value);
  if (!text.includes('\\ud')) return text;
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === 'string' ? Buffer.from(member, 'utf8').toString('utf8') : member,
  );
}

function split(record: string): [head: string, terms: string] {
  const cut = record.indexOf('\n');
  return [record.slice(0, cut), record.slice(cut + 1)];
}

/** What changes of a task. `u` counts unsettled external leases in it and below; `q` and `w` are requests. */
interface TaskHead {
  /** Orchestrator, digest of the body, opening, deadline, state. */
  o: Task['orchestrator'];
  b: string;
  a: number;
  d: number;
  s: Task['state'];
  c?: Task['closed'];
  /** When it was settled. */
  e?: number;
}

export const taskTerms = ({ parent, purpose, manifest, labels }: NewTask): string =>
  JSON.stringify({ parent, purpose, manifest, labels });

export function taskFromRecord(id: TaskId, record: string): Task {
  const [head, terms] = split(record);
  const { o, b, a, d, s, c, e } = JSON.parse(head) as TaskHead;
  const { parent, purpose, manifest, labels } = JSON.parse(terms) as Task;
  return {
    id,
    ...(parent !== undefined && { parent }),
    purpose,
    manifest,
    labels,
    orchestrator: o,
    bodyDigest: b,
    openedAt: a,
    deadline: d,
    state: s,
    ...(c && { closed: c }),
    ...(e !== undefined && { settledAt: e }),
  };
}

/** Leases of ended ones that are purged: they stay counted. */
export function pastCounts(record: string): { revoked: number; expired: number } {
  const { r, x } = JSON.parse(split(record)[0]) as { r?: number; x?: number };
  return { revoked: r ?? 0, expired: x ?? 0 };
}

/** What changes of a lease, and what scripts decide by. */
interface LeaseHead {
  /** Issued and expires at, task, agent, actors, trust, tool, key, policy digest. */
  i: number;
  x: number;
  t: TaskId;
  a: Lease['agent'];
  c?: Lease['actors'];
  r: string;
  o: string;
  k?: string;
  p: string;
  /** The basis of its last renewal. */
  b?: Lease['basis'];
  /** 1 where it is external. */
  e?: 1;
  /** The status list that tells of it, and its index there. */
  v?: string;
  y?: number;
  /** Absent: active. */
  s?: LeaseState;
  n?: LeaseEnding;
  /** When its end was accepted, and confirmed. */
  d?: number;
  f?: number;
  /** Attempts to kill it, the claim that it is lent by, its sealed secret. */
  g?: number;
  l?: string;
  z?: string;
}

/** What does not change, without names: there may be millions. */
type Terms = [
  plane: Lease['plane'],
  kind: string,
  audience: string,
  actions: Lease['actions'],
  requestId: Lease['requestId'],
  details?: Lease['details'] | null,
  more?: Pick<Lease, 'jkt' | 'instance' | 'basis' | 'singleUse'>,
];

/** The record of a new lease behind its first members, which its script writes: times and state. */
export function newLeaseRecord(request: LeaseRequest, requestId: Lease['requestId']): string {
  const { actors, keyId, details } = request;
  const head: Omit<LeaseHead, 'i' | 'x'> = {
    t: request.taskId,
    a: request.agent,
    r: request.trust,
    o: request.tool,
    p: request.policyDigest,
  };
  if (actors.length > 0) head.c = actors;
  if (keyId !== undefined) head.k = keyId;
  const terms: Terms = [request.plane, request.kind, request.audience, request.actions, requestId];
  if (details) terms.push(details);
  const { jkt, instance, basis, singleUse } = request;
  if (jkt !== undefined || instance !== undefined || basis || singleUse) {
    if (!details) terms.push(null);
    terms.push({
      ...(jkt !== undefined && { jkt }),
      ...(instance !== undefined && { instance }),
      ...(basis && { basis }),
      ...(singleUse && { singleUse }),
    });
  }
  return `,${luaJson(head).slice(1)}\n${JSON.stringify(terms)}`;
}

export const statusListId = (slot: number, list: string): string => `${slot}-${list}`;

export interface LeaseRecord {
  readonly lease: Lease;
  readonly attempts: number;
  readonly claim?: string;
  readonly sealedSecret?: string;
}

/** The lease with the end that a selector, its task or time has brought it. */
export function leaseFromRecord(slot: number, chance: string, record: string, ending = ''): LeaseRecord {
  const [text, terms] = split(record);
  const head = JSON.parse(text) as LeaseHead;
  const [plane, kind, audience, actions, requestId, details, more] = JSON.parse(terms) as Terms;
  const ended = head.n ?? (ending === '' ? undefined : (JSON.parse(ending) as LeaseEnding));
  const lease: Lease = {
    id: leaseId(head.i, slot, chance),
    taskId: head.t,
    agent: head.a,
    actors: head.c ?? [],
    trust: head.r,
    tool: head.o,
    plane,
    kind,
    ...(head.k !== undefined && { keyId: head.k }),
    audience,
    actions,
    ...(details && { details }),
    policyDigest: head.p,
    ...more,
    ...(head.b && { basis: head.b }),
    ...(head.v !== undefined && { status: { list: statusListId(slot, head.v), index: head.y ?? 0 } }),
    requestId,
    issuedAt: head.i,
    expiresAt: head.x,
    state: stateOf(head, ended),
    ...(ended && { ended }),
    ...(head.d !== undefined && { acceptedAt: head.d }),
    ...(head.f !== undefined && { confirmedAt: head.f }),
  };
  return {
    lease,
    attempts: head.g ?? 0,
    ...(head.l !== undefined && { claim: head.l }),
    ...(head.z !== undefined && { sealedSecret: head.z }),
  };
}

function stateOf(head: LeaseHead, ended: LeaseEnding | undefined): LeaseState {
  if (head.s !== undefined && head.s !== 'reserved') return head.s;
  if (!ended) return head.s ?? 'active';
  return head.e ? 'revoking' : settledAs(ended.cause);
}

/** The parts of a lease's id that its record is found by. */
export const chanceOf = (id: LeaseId): string => id.slice(18);

/** A kill as Redis holds it, without its selector. */
export type KillRecord = Omit<Revocation, 'kind' | 'name' | 'cutoff'> & { readonly cutoff?: number };

export function revocationFromRecord(selector: string, { cutoff, ...kill }: KillRecord): Revocation {
  const colon = selector.indexOf(':');
  const kind = (colon < 0 ? selector : selector.slice(0, colon)) as SelectorKind;
  const name = colon < 0 ? '' : selector.slice(colon + 1);
  return { kind, name, cutoff: cutoff ?? Infinity, ...kill };
}

export function killRecord(revocation: Revocation): KillRecord {
  const { cutoff, mootAt, at, by, reason, requestId } = revocation;
  return {
    ...(cutoff !== Infinity && { cutoff }),
    mootAt,
    at,
    by,
    ...(reason !== undefined && { reason }),
    ...(requestId !== undefined && { requestId }),
  };
}

/** An event's facts as they are when the call is made; the script adds how it ended. */
export function factsOf(entry: AuditEntry, more?: Record<string, unknown>): string {
  const { requestId, action, principal, taskId, leaseId: lease, tool, detail } = entry.facts;
  const written = withoutTokens(more ? { ...detail, ...more } : detail);
  return JSON.stringify({ requestId, action, principal, taskId, leaseId: lease, tool, detail: written });
}

const STAMPS_PER_MS = 32;

const sequenceOf = (stamp: number, slot: number): number => stamp * SLOTS + slot;
export const stampOf = (sequence: number): number => Math.floor(sequence / SLOTS);

/** The id in the stream of the event with this stamp. */
export const streamId = (stamp: number): string =>
  `${Math.floor(stamp / STAMPS_PER_MS)}-${stamp % STAMPS_PER_MS}`;

type Ending = AuditConclusion & { readonly at: number; readonly chance?: string };

export function eventFromStream(slot: number, id: string, fields: readonly string[]): AuditEvent {
  const [ms, n] = id.split('-');
  const {
    requestId,
    action,
    principal,
    taskId,
    leaseId: lease,
    tool,
    detail,
  } = JSON.parse(fields[1]!) as AuditFacts;
  const { at, chance, ...conclusion } = JSON.parse(fields[3]!) as Ending;
  // Of an issuance only the chance is written: the event's time is the lease's.
  const leaseName = chance === undefined ? (conclusion.leaseId ?? lease) : leaseId(at, slot, chance);
  const taskName = conclusion.taskId ?? taskId;
  return {
    sequence: sequenceOf(Number(ms) * STAMPS_PER_MS + Number(n), slot),
    at,
    requestId,
    action,
    outcome: conclusion.outcome,
    ...(conclusion.reason && { reason: conclusion.reason }),
    ...(principal && { principal }),
    ...(taskName && { taskId: taskName }),
    ...(leaseName && { leaseId: leaseName }),
    ...(tool && { tool }),
    detail: conclusion.detail ? { ...detail, ...conclusion.detail } : detail,
  };
}
