// The Redis store: the port's whole promise for many brokers on one Redis, Sentinel or Cluster.
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../domain/clock.js';
import { MINUTE_MS } from '../../domain/duration.js';
import { Refusal } from '../../domain/refusal.js';
import type { Retention, Store } from '../store.js';
import { StoreUnavailable } from '../store.js';
import type { ConnectionLog } from './connections.js';
import { Connections } from './connections.js';
import { Contexts } from './contexts.js';
import { DenialMemory } from './denial-memory.js';
import { Denials } from './denials.js';
import { Events } from './events.js';
import { ALL_SLOTS, HOME_SLOT, Keys } from './keys.js';
import { LeaseLists } from './lease-lists.js';
import { Leases } from './leases.js';
import { News } from './news.js';
import type { RedisOptions } from './options.js';
import { Reader } from './reader.js';
import type { KillRecord } from './records.js';
import { revocationFromRecord } from './records.js';
import { recover } from './recovery.js';
import { checkServers } from './requirements.js';
import { Revocations } from './revocations.js';
import { SigningKeys } from './signing-keys.js';
import { isPassing, Slots } from './slots.js';
import { StatusLists } from './status-lists.js';
import { Tasks } from './tasks.js';
import { Work } from './work.js';

const SCHEMA_VERSION = 1;
const OPEN_WITHIN_MS = 4_000;
const OPEN_AGAIN_MS = 50;

export interface RedisStoreOptions {
  readonly redis: RedisOptions;
  readonly retention: Retention;
  /** For how long a kill is kept after the last exp that it concerns, for verifiers whose clocks are behind. */
  readonly clockSkewMs: number;
  readonly log: ConnectionLog;
  /** In place of Redis' own time: for tests. */
  readonly clock?: Clock;
}

/**
 * Connects, checks what the servers are, and opens every slot. Guarantees those of the port, as durable as the
 * servers' append-only file and `minReplicas` make them: docs/operations.md says what each can lose.
 *
 * @throws StoreUnavailable where no server answers, one is not fit, or the store is of a newer schema.
 */
export async function openRedisStore(options: RedisStoreOptions): Promise<Store> {
  const { redis, retention, clockSkewMs, log, clock } = options;
  const connections = new Connections(redis, log);
  try {
    await whileItLasts(() => connections.connected());
    await whileItLasts(() => checkServers(connections, redis, log));
    const keys = new Keys(redis.prefix);
    const slots = new Slots({
      connections,
      keys,
      withinMs: redis.commandTimeoutMs,
      ...(clock && { clock }),
    });
    const counts = await whileItLasts(() => openSlots(slots, connections, clock));
    const reader = new Reader(slots);
    const lists = new LeaseLists(slots);
    const tasks = new Tasks(slots, lists, clockSkewMs);
    const contexts = new Contexts(slots, tasks);
    const leases = new Leases(slots, tasks, contexts, lists);
    const terms = { skewMs: clockSkewMs, retentionMs: retention.leaseMs };
    const news = new News({
      client: connections.news,
      slots,
      reader,
      tasks,
      terms,
      log,
      renew: () => connections.renew(),
    });
    const parts = { slots, tasks, lists, reader, news, terms, log };
    const revocations = new Revocations(parts, (id) => leases.readLease(id));
    const work = new Work({ slots, revocations, retention, skewMs: clockSkewMs });
    const events = new Events(slots, contexts);
    const signing = new SigningKeys(slots, reader);
    const statusLists = new StatusLists(slots, reader);
    const memory = new DenialMemory();
    const denials = new Denials(slots, memory);
    slots.recovery = (why) => recover({ slots, news, tasks, denials: memory, terms, log }, why);
    await news.open(counts);
    connections.onAnotherServer = (why) => slots.suspect(why, true);
    return assemble({
      connections,
      slots,
      tasks,
      leases,
      contexts,
      revocations,
      work,
      events,
      signing,
      statusLists,
      denials,
      reader,
      news,
    });
  } catch (error) {
    connections.close();
    throw error instanceof StoreUnavailable
      ? error
      : new StoreUnavailable(`the store cannot be opened: ${String(error)}`, { cause: error });
  }
}

interface Parts {
  readonly connections: Connections;
  readonly slots: Slots;
  readonly tasks: Tasks;
  readonly leases: Leases;
  readonly contexts: Contexts;
  readonly revocations: Revocations;
  readonly work: Work;
  readonly events: Events;
  readonly signing: SigningKeys;
  readonly statusLists: StatusLists;
  readonly denials: Denials;
  readonly reader: Reader;
  readonly news: News;
}

function assemble({
  connections,
  slots,
  tasks,
  leases,
  contexts,
  revocations,
  work,
  events,
  signing,
  statusLists,
  denials,
  reader,
  news,
}: Parts): Store {
  return {
    openTask: (task, entry) => tasks.openTask(task, entry),
    readTask: (id) => tasks.readTask(id),
    recallTask: (id) => tasks.recallTask(id),
    listTasks: (query) => tasks.listTasks(query),
    countLeases: (id) => tasks.countLeases(id),
    countOpenTasks: (orchestrator, most) => tasks.countOpenTasks(orchestrator, most),
    extendTask: (id, bounds, entry) => tasks.extendTask(id, bounds, entry),
    async closeTask(id, closing, entry) {
      const closed = await tasks.close(id, closing, entry, '');
      if (closed instanceof Refusal) return closed;
      const { task, kill } = closed;
      if (task!.closed!.outcome !== 'expired')
        news.own(revocationFromRecord(`task:${id}`, JSON.parse(kill) as KillRecord));
      return task!;
    },

    issueLease: (request, entry) => leases.issueLease(request, entry),
    reserveLease: (request, entry) => leases.reserveLease(request, entry),
    activateLease: (id, activation, entry) => leases.activateLease(id, activation, entry),
    abandonLease: (id, cause, entry) => leases.abandonLease(id, cause, entry),
    renewLease: (id, renewal, entry) => leases.renewLease(id, renewal, entry),
    readLease: (id) => leases.readLease(id),
    listLeases: (query) => leases.listLeases(query),
    liveLeases: (task) => leases.liveLeases(task),
    activeAtTarget: (tool) => leases.activeAtTarget(tool),
    countLive: (of, most, withinMs) => leases.countLive(of, most, withinMs),

    readContext: (root) => contexts.readContext(root),
    recallContext: (root) => contexts.recallContext(root),
    signalTask: (id, type, most, entry) => contexts.signalTask(id, type, most, entry),
    dueReviews: (limit, forMs) => contexts.dueReviews(limit, forMs),
    concludeReview: (root, version) => contexts.concludeReview(root, version),
    principalFacts: (root, digest) => contexts.principalFacts(root, digest),

    revoke: (kill, entry) => revocations.revoke(kill, entry),
    countSelected: (select, killed, withinMs) => revocations.countSelected(select, killed, withinMs),
    revocations: () => revocations.revocations(),
    asOf: () => news.asOf(),
    restoreRevocations: (entries) => revocations.restoreRevocations(entries),
    quarantines: () => revocations.quarantines(),
    liftQuarantine: (agent, entry) => revocations.liftQuarantine(agent, entry),

    sweep: (limit) => work.sweep(limit),
    claimDue: (limit, windowMs) => work.claimDue(limit, windowMs),
    claimEnded: (of, limit, windowMs) => work.claimEnded(of, limit, windowMs),
    settle: (id, claim, settlement) => work.settle(id, claim, settlement),
    retryLease: (id, entry) => work.retryLease(id, entry),
    forceLease: (id, word, entry) => work.forceLease(id, word, entry),
    countIrrevocable: () => work.countIrrevocable(),

    record: (entry, conclusion) => events.record(entry, conclusion),
    recordInPassing: (entry, conclusion) => events.recordInPassing(entry, conclusion),
    recordBatch: (batch) => events.recordBatch(batch),
    auditEvents: (query) => events.auditEvents(query),

    once: (key, expiresAt, forKill) => signing.once(key, expiresAt, forKill),
    statusLists: () => statusLists.statusLists(),
    statusList: (id, before) => statusLists.statusList(id, before),
    signingKeys: (use) => signing.signingKeys(use),
    addSigningKey: (key, entry, newest) => signing.addSigningKey(key, entry, newest),
    removeSigningKey: (kid) => signing.removeSigningKey(kid),
    revokedKeys: () => signing.revokedKeys(),

    denials,

    watch: (listener) => news.watch(listener),
    tellPeers: (text) => news.tellPeers(text),
    now: () => reader.now(),
    async ailment() {
      try {
        await slots.askAll('touch');
        return undefined;
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
    },
    async close() {
      if (connections.closed) return;
      await Promise.allSettled([slots.shut(), news.close()]);
      connections.close();
    },
  };
}

/** A failover may be under way: what passes by itself is waited for. */
async function whileItLasts<T>(work: () => Promise<T>): Promise<T> {
  const until = performance.now() + OPEN_WITHIN_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isPassing(error) || performance.now() >= until) throw error;
      await new Promise((resolve) => setTimeout(resolve, OPEN_AGAIN_MS));
    }
  }
}

/** @throws StoreUnavailable where the store is newer than this broker, or is written in its future. */
async function openSlots(
  slots: Slots,
  connections: Connections,
  clock: Clock | undefined,
): Promise<number[]> {
  const home = await slots.open(HOME_SLOT, randomUUID());
  slots.epoch = home.epoch;
  const schema = slots.keys.in(HOME_SLOT, 'schema');
  await connections.calls.set(schema, SCHEMA_VERSION, 'NX');
  const found = Number(await connections.calls.get(schema));
  if (found > SCHEMA_VERSION) {
    throw new StoreUnavailable(
      `the store was written by a newer Mayfly (schema ${found}, this one knows ${SCHEMA_VERSION})`,
    );
  }
  const opened = await Promise.all(ALL_SLOTS.map((slot) => slots.open(slot, home.epoch, '*')));
  const [seconds, micros] = (await connections.calls.time()).map(Number) as [number, number];
  const now = clock?.now() ?? seconds * 1000 + Math.floor(micros / 1000);
  const aheadMs = Math.max(...opened.map(({ latest }) => latest)) - now;
  if (aheadMs > MINUTE_MS) {
    throw new StoreUnavailable(
      `the store was last written ${Math.round(aheadMs / 1000)} s in the future of Redis' clock: set the clock right, then start again`,
    );
  }
  return opened.map(({ news }) => news);
}
