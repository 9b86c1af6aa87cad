// The embedded store: the port's whole promise on one SQLite file, for one broker.
import type { AuditEntry } from '../../audit/entry.js';
import type { AuditConclusion, AuditEvent, AuditQuery } from '../../audit/event.js';
import type { Clock } from '../../domain/clock.js';
import type { KeyUse, Retention, SigningKeyRecord, Store } from '../store.js';
import { Contexts } from './contexts.js';
import { EmbeddedDatabase, type Urgency, type Value } from './database.js';
import { Denials } from './denials.js';
import { Irrevocable } from './irrevocable.js';
import { Leases } from './leases.js';
import { inTree, treeBounds } from './conditions.js';
import { Ledger } from './ledger.js';
import { Revocations } from './revocations.js';
import { eventFromRow, insertSql, signingKeyFromRow } from './rows.js';
import { StatusLists } from './status-lists.js';
import { Tasks } from './tasks.js';
import { Work } from './work.js';

export interface EmbeddedStoreOptions {
  /** File of the database; its folder is made. One broker at a time. */
  readonly path: string;
  readonly clock: Clock;
  readonly retention: Retention;
  /** For how long a kill is kept after the last exp that it concerns, for verifiers whose clocks are behind. */
  readonly clockSkewMs: number;
}

/**
 * Opens the store. Guarantees those of the port; every commit is on disk (`synchronous=FULL`) before it is
 * acknowledged, many transitions to a commit.
 *
 * @throws StoreUnavailable where the file is in use, of a newer schema, or written in this machine's future.
 */
export function openEmbeddedStore({ path, clock, retention, clockSkewMs }: EmbeddedStoreOptions): Store {
  const db = new EmbeddedDatabase(path);
  let ledger: Ledger;
  try {
    ledger = new Ledger(db, clock, clockSkewMs);
  } catch (error) {
    db.close();
    throw error;
  }
  const tasks = new Tasks(ledger);
  const contexts = new Contexts(ledger);
  const statusLists = new StatusLists(ledger);
  const leases = new Leases(ledger, contexts, statusLists);
  const revocations = new Revocations(ledger, tasks, leases);
  const denials = new Denials(ledger, retention.leaseMs);
  const work = new Work({ ledger, tasks, leases, denials, retention });
  work.takeBackLoans();
  const irrevocable = new Irrevocable(ledger);

  const record = async (entry: AuditEntry, conclusion: AuditConclusion, urgency: Urgency): Promise<void> => {
    await db.transact(() => {
      ledger.writeEvent(entry, conclusion);
      contexts.countRefusal(entry, conclusion);
    }, urgency);
    entry.markConcluded();
  };

  return {
    openTask: (task, entry) => tasks.openTask(task, entry),
    readTask: (id) => tasks.readTask(id),
    recallTask: (id) => tasks.recallTask(id),
    listTasks: (query) => tasks.listTasks(query),
    countLeases: (id) => tasks.countLeases(id),
    countOpenTasks: (orchestrator, most) => tasks.countOpenTasks(orchestrator, most),
    extendTask: (id, bounds, entry) => tasks.extendTask(id, bounds, entry),
    closeTask: (id, closing, entry) => tasks.closeTask(id, closing, entry),

    issueLease: (request, entry) => leases.issueLease(request, entry),
    reserveLease: (request, entry) => leases.reserveLease(request, entry),
    activateLease: (id, activation, entry) => leases.activateLease(id, activation, entry),
    abandonLease: (id, cause, entry) => leases.abandonLease(id, cause, entry),
    renewLease: (id, renewal, entry) => leases.renewLease(id, renewal, entry),
    readLease: (id) => leases.readLease(id),
    listLeases: (query) => leases.listLeases(query),
    liveLeases: (task) => leases.liveLeases(task),
    activeAtTarget: (tool) => leases.activeAtTarget(tool),
    countLive: (of, most) => leases.countLive(of, most),

    readContext: (root) => contexts.readContext(root),
    recallContext: (root) => contexts.recallContext(root),
    signalTask: (id, type, most, entry) => contexts.signalTask(id, type, most, entry),
    dueReviews: (limit, forMs) => contexts.dueReviews(limit, forMs),
    concludeReview: (root, version) => contexts.concludeReview(root, version),
    principalFacts: (root, digest) => contexts.principalFacts(root, digest),

    revoke: (kill, entry) => revocations.revoke(kill, entry),
    countSelected: (select, killed) => revocations.countSelected(select, killed),
    revocations: () => revocations.revocations(),
    asOf: () => revocations.asOf(),
    restoreRevocations: (entries) => revocations.restoreRevocations(entries),
    quarantines: () => revocations.quarantines(),
    liftQuarantine: (agent, entry) => revocations.liftQuarantine(agent, entry),

    sweep: (limit) => work.sweep(limit),
    claimDue: (limit, windowMs) => work.claimDue(limit, windowMs),
    claimEnded: (_of, limit, windowMs) => work.claimEnded(limit, windowMs),
    settle: (id, claim, settlement) => work.settle(id, claim, settlement),
    retryLease: (id, entry) => irrevocable.retryLease(id, entry),
    forceLease: (id, word, entry) => irrevocable.forceLease(id, word, entry),
    countIrrevocable: () => irrevocable.countIrrevocable(),

    record: (entry, conclusion) => record(entry, conclusion, 'soon'),
    recordInPassing: (entry, conclusion) => record(entry, conclusion, 'later'),
    async recordBatch({ name, events, knownForMs }) {
      const isFirst = await db.transact(() => {
        const now = ledger.now();
        if (db.sql(INSERT_ONCE).run(`batch:${name}`, now + knownForMs, now).changes === 0) return false;
        for (const { entry, conclusion } of events) ledger.writeEvent(entry, conclusion);
        return true;
      });
      for (const { entry } of events) entry.markConcluded();
      return isFirst ? events.length : 0;
    },
    async auditEvents(query) {
      db.flush();
      return db.read(() => auditEvents(db, query));
    },

    once: (key, expiresAt, forKill) =>
      db.transact(
        () => db.sql(INSERT_ONCE).run(key, expiresAt, ledger.now()).changes === 1,
        forKill ? 'first' : 'soon',
      ),

    statusLists: () => statusLists.statusLists(),
    statusList: (id, before) => statusLists.statusList(id, before),

    signingKeys: (use) => db.read(() => signingKeys(db, use)),
    async addSigningKey(key, entry, newest) {
      const added = await db.transact(() => {
        const known = signingKeys(db, key.use);
        if (newest !== undefined && newest !== (known.at(-1)?.kid ?? null)) return false;
        if (known.some(({ kid, activatesAt }) => kid === key.kid || activatesAt >= key.activatesAt))
          return false;
        db.sql(INSERT_KEY).run(
          key.kid,
          key.use,
          key.algorithm,
          key.publicJwk,
          key.sealedPrivate,
          key.createdAt,
          key.activatesAt,
        );
        ledger.writeEvent(entry, {
          outcome: 'permitted',
          detail: { kid: key.kid, activates_at: key.activatesAt },
        });
        ledger.tell({ kind: 'signing_keys' });
        return true;
      });
      if (added) entry.markConcluded();
      return added;
    },
    revokedKeys: () =>
      db.read(() =>
        db
          .sql("SELECT DISTINCT name FROM revocation WHERE kind = 'key'")
          .all()
          .map((row) => String(row['name'])),
      ),
    removeSigningKey: (kid) =>
      db.transact(() => {
        db.sql('DELETE FROM signing_key WHERE kid = ?').run(kid);
        ledger.tell({ kind: 'signing_keys' });
      }),

    denials,

    watch: (listener) => ledger.watch(listener),
    // It has the store to itself.
    tellPeers: () => Promise.resolve(),

    now: () => db.read(() => ledger.now()),
    async ailment() {
      if (db.ailment !== undefined) return db.ailment;
      try {
        await db.transact(() => ledger.touch());
        return undefined;
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
    },
    close: () => Promise.resolve(db.close()),
  };
}

/** A key that has had its time may be used again, purged or not. */
const INSERT_ONCE = `INSERT INTO once SELECT ?1, ?2 WHERE ?2 > ?3
  ON CONFLICT (key) DO UPDATE SET expires_at = excluded.expires_at WHERE expires_at <= ?3`;

const INSERT_KEY = insertSql('signing_key', [
  'kid',
  'use',
  'algorithm',
  'public_jwk',
  'sealed_private',
  'created_at',
  'activates_at',
]);

const signingKeys = (db: EmbeddedDatabase, use: KeyUse): SigningKeyRecord[] =>
  db.sql('SELECT * FROM signing_key WHERE use = ? ORDER BY activates_at').all(use).map(signingKeyFromRow);

function auditEvents(
  db: EmbeddedDatabase,
  { task, agent, lease, request, after, before, limit }: AuditQuery,
): AuditEvent[] {
  const where: string[] = ['1'];
  const values: Value[] = [];
  const and = (condition: string, ...more: Value[]): void =>
    void (where.push(condition), values.push(...more));
  if (task !== undefined) and(inTree('task_id'), ...treeBounds(task));
  if (agent !== undefined) and('principal = ?', agent);
  if (lease !== undefined) and('lease_id = ?', lease);
  if (request !== undefined) and('request_id = ?', request);
  if (after !== undefined) and('sequence > ?', after);
  if (before !== undefined) and('sequence < ?', before);
  return db
    .sql(`SELECT * FROM audit WHERE ${where.join(' AND ')} ORDER BY sequence DESC LIMIT ?`)
    .all(...values, limit)
    .map(eventFromRow);
}
