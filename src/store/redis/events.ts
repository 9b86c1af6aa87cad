// The audit log in Redis: a stream per slot, read backwards and merged by sequence.
import { randomBytes } from 'node:crypto';
import type { AuditBatch, AuditEntry, ConcludedEntry } from '../../audit/entry.js';
import { concludedEvent } from '../../audit/entry.js';
import type { AuditConclusion, AuditEvent, AuditQuery } from '../../audit/event.js';
import { sha256 } from '../../domain/digest.js';
import type { TaskId } from '../../domain/ids.js';
import { isLeaseId, leaseSlot, rootOf, slotOf } from '../../domain/ids.js';
import { MOST_REFUSALS } from '../../domain/tree-context.js';
import type { AuditStore } from '../store.js';
import type { Contexts } from './contexts.js';
import { ALL_SLOTS } from './keys.js';
import { eventFromStream, stampOf, streamId } from './records.js';
import type { Argument, Slots } from './slots.js';

const PAGE = 200;
/** In one script: less than a millisecond of Redis' time, which a kill may be waiting for. */
const TOLD_AT_A_TIME = 100;

export class Events implements AuditStore {
  readonly #slots: Slots;
  readonly #contexts: Contexts;

  constructor(slots: Slots, contexts: Contexts) {
    this.#slots = slots;
    this.#contexts = contexts;
  }

  async record(entry: AuditEntry, conclusion: AuditConclusion): Promise<void> {
    const { requestId, taskId, leaseId, facts, ending } = written(entry, conclusion);
    const args: Argument[] = [facts, ending];
    const root = conclusion.outcome === 'refused' && entry.refusalOf ? rootOf(entry.refusalOf) : undefined;
    if (root !== undefined) args.push(root, MOST_REFUSALS);
    const slot = slotOfEvent(root ?? taskId, leaseId, requestId);
    const [context] = await this.#slots.ask('record-event', slot, args);
    if (root !== undefined && context !== '') this.#contexts.learn(root, context as string);
    entry.markConcluded();
  }

  recordInPassing(entry: AuditEntry, conclusion: AuditConclusion): Promise<void> {
    return this.record(entry, conclusion);
  }

  /** Slot by slot at once, and in each a few at a time, all or none of them. */
  async recordBatch({ name, events, knownForMs }: AuditBatch): Promise<number> {
    const digest = sha256(name);
    const caller = randomBytes(8).toString('hex');
    const somewhere = Buffer.from(digest, 'base64url')[0]! % ALL_SLOTS.length;
    const bySlot = new Map<number, ConcludedEntry[]>();
    for (const event of events) {
      const { taskId, leaseId } = event.entry.facts;
      // Not by the request: another one may bring the same batch again.
      const slot = slotOfTree(taskId, leaseId) ?? somewhere;
      const there = bySlot.get(slot);
      if (there) there.push(event);
      else bySlot.set(slot, [event]);
    }
    const recorded = await Promise.all(
      [...bySlot].flatMap(([slot, there]) =>
        chunked(there, TOLD_AT_A_TIME).map(async (some, index) => {
          const args: Argument[] = [`${digest}.${index}`, knownForMs, caller];
          for (const { entry, conclusion } of some) {
            const { facts, ending } = written(entry, conclusion);
            args.push(facts, ending);
          }
          const [count] = await this.#slots.ask('record-batch', slot, args);
          for (const { entry } of some) entry.markConcluded();
          return count as number;
        }),
      ),
    );
    return recorded.reduce((sum, count) => sum + count, 0);
  }

  async auditEvents(query: AuditQuery): Promise<AuditEvent[]> {
    const { task, agent, lease, request, limit } = query;
    const inTree = (id: string | undefined): boolean => id === task || (id?.startsWith(`${task}.`) ?? false);
    const fits = (event: AuditEvent): boolean =>
      (task === undefined || inTree(event.taskId)) &&
      (agent === undefined || event.principal === agent) &&
      (lease === undefined || event.leaseId === lease) &&
      (request === undefined || event.requestId === request) &&
      (query.after === undefined || event.sequence > query.after) &&
      (query.before === undefined || event.sequence < query.before);
    const slots = task === undefined ? ALL_SLOTS : [slotOf(task as TaskId)];
    const found = await Promise.all(slots.map((slot) => this.#newest(slot, query, fits)));
    return found
      .flat()
      .toSorted((a, b) => b.sequence - a.sequence)
      .slice(0, limit);
  }

  async #newest(
    slot: number,
    { after, before, limit }: AuditQuery,
    fits: (event: AuditEvent) => boolean,
  ): Promise<AuditEvent[]> {
    const found: AuditEvent[] = [];
    const from = after === undefined ? '-' : streamId(stampOf(after));
    let to = before === undefined ? '+' : streamId(stampOf(before));
    for (;;) {
      const page = (await this.#slots.ask('read-events', slot, [to, from, PAGE])) as [string, string[]][];
      for (const [id, fields] of page) {
        const event = eventFromStream(slot, id, fields);
        if (fits(event)) found.push(event);
        if (found.length === limit) return found;
      }
      if (page.length < PAGE) return found;
      to = `(${page.at(-1)![0]}`;
    }
  }
}

function slotOfTree(task: string | undefined, lease: string | undefined): number | undefined {
  if (task !== undefined) return slotOf(task as TaskId);
  return lease !== undefined && isLeaseId(lease) ? leaseSlot(lease) % ALL_SLOTS.length : undefined;
}

/** All of it goes through the one function that keeps tokens out of what is written. */
function written(entry: AuditEntry, conclusion: AuditConclusion) {
  const { requestId, action, principal, taskId, leaseId, tool, detail } = concludedEvent(
    entry,
    conclusion,
    0,
  );
  const facts = JSON.stringify({ requestId, action, principal, taskId, leaseId, tool, detail });
  const { outcome, reason } = conclusion;
  return { requestId, taskId, leaseId, facts, ending: JSON.stringify({ outcome, reason }).slice(1) };
}

function chunked<T>(items: readonly T[], size: number): T[][] {
  const chunks: T[][] = [];
  for (let at = 0; at < items.length; at += size) chunks.push(items.slice(at, at + size));
  return chunks;
}

/** With its task, with its lease, or anywhere: spread, so that a flood of refusals is no single slot's. */
function slotOfEvent(task: string | undefined, lease: string | undefined, request: string): number {
  const slot = slotOfTree(task, lease);
  if (slot !== undefined) return slot;
  let sum = 0;
  for (let at = request.length - 4; at < request.length; at++) sum = sum * 33 + request.charCodeAt(at);
  return sum % ALL_SLOTS.length;
}
