// Credentials that were given a moment ago, for those who ask again and again: the same one while it is fresh, then another.
import type { AuditEntry } from '../audit/entry.js';
import type { Broker } from '../broker.js';
import { MINUTE_MS } from '../domain/duration.js';
import type { Tool } from '../domain/tool.js';
import type { Decided, IssuedCredential, Issuing } from './issued.js';
import { isIssued } from './issued.js';

/** The secrets that a broker keeps at a time: whose was let go gets another lease. */
const MOST_HELD = 10_000;
/** How often somebody waits for who asked first. After that, each asks for itself. */
const MOST_WAITS = 3;

interface Held {
  readonly issued: IssuedCredential;
  /** As it was configured then: after a reload it may mean something else. */
  readonly tool: Tool;
  readonly dropping: NodeJS.Timeout;
}

/**
 * In this broker's memory alone, as no secret is at rest (invariant 6). Nobody gets what was not decided for them now:
 * what is asked for, by whom, and under which policies, is what a credential is found by (invariant 5).
 */
export class HeldCredentials {
  readonly #held = new Map<string, Held>();
  readonly #underWay = new Map<string, Promise<unknown>>();

  /** The one that is held, if it lives and is fresh; another by `issue` otherwise. Of many at once, one has it issued. */
  async credential(
    broker: Broker,
    decided: Decided,
    entry: AuditEntry,
    issue: () => Promise<Issuing>,
  ): Promise<Issuing> {
    const key = keyOf(decided);
    for (let waits = 0; waits < MOST_WAITS && this.#underWay.has(key); waits++) await this.#underWay.get(key);
    const coming = this.#again(broker, key, decided, entry).then(
      (again) => again ?? this.#new(key, decided, issue),
    );
    if (!this.#underWay.has(key)) {
      const over = coming.then(
        () => this.#underWay.delete(key),
        () => this.#underWay.delete(key),
      );
      this.#underWay.set(key, over);
    }
    return coming;
  }

  clear(): void {
    for (const key of this.#held.keys()) this.#drop(key);
  }

  /** As on record as an issuance is, and before it is handed out (invariant 7). */
  async #again(
    broker: Broker,
    key: string,
    { grant }: Decided,
    entry: AuditEntry,
  ): Promise<IssuedCredential | undefined> {
    const held = this.#held.get(key);
    if (!held) return undefined;
    const { lease } = held.issued;
    const [now, standing] = await Promise.all([broker.store.now(), broker.store.readLease(lease.id)]);
    const leftMs = held.issued.expiresAt - now;
    const isGood = standing?.state === 'active' && held.tool === grant.tool && leftMs <= grant.ttlMs;
    if (!isGood || !isFresh(leftMs, held.issued.expiresAt - lease.issuedAt)) {
      if (this.#held.get(key) === held) this.#drop(key);
      return undefined;
    }
    entry.facts.action = 'lease.again';
    entry.facts.leaseId = lease.id;
    await broker.store.record(entry, { outcome: 'permitted' });
    return held.issued;
  }

  async #new(key: string, { grant }: Decided, issue: () => Promise<Issuing>): Promise<Issuing> {
    const issued = await issue();
    if (!isIssued(issued)) return issued;
    this.#drop(key);
    const [oldest] = this.#held.keys();
    if (this.#held.size >= MOST_HELD && oldest !== undefined) this.#drop(oldest);
    const { lease, expiresAt } = issued;
    const dropping = setTimeout(() => this.#drop(key), expiresAt - lease.issuedAt).unref();
    this.#held.set(key, { issued, tool: grant.tool, dropping });
    return issued;
  }

  #drop(key: string): void {
    clearTimeout(this.#held.get(key)?.dropping);
    this.#held.delete(key);
  }
}

/** More than a quarter of its life is left, and more than a minute; of what lives for two minutes at most, more than half. */
const isFresh = (leftMs: number, lifeMs: number): boolean =>
  leftMs > Math.min(lifeMs / 2, Math.max(lifeMs / 4, MINUTE_MS));

/** All that a decision rests on which is not asked of the store once more. */
const keyOf = ({ agent, task, grant, binding }: Decided): string =>
  JSON.stringify([
    agent.name,
    agent.trust,
    task.id,
    grant.tool.name,
    grant.actions,
    grant.details,
    grant.policyDigest,
    binding.jkt,
    binding.instance,
  ]);
