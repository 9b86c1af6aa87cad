// Where the credentials of each tool are made, and were: a lease is killed where it may have been made, whatever was reloaded since.
import { sha256 } from '../../domain/digest.js';
import { MINUTE_MS, SECOND_MS } from '../../domain/duration.js';
import type { Lease } from '../../domain/lease.js';
import type { PostgresCredential } from '../../domain/postgres.js';
import type { Catalogue } from '../../domain/tool.js';
import { Connections, type Patience } from './connections.js';

/** A request may be decided by the configuration before, and our clock is not the store's. */
const OVERLAP_MS = MINUTE_MS;
const CLOSE_WITHIN_MS = 2 * SECOND_MS;

export interface Target {
  readonly credential: PostgresCredential;
  readonly connections: Connections;
}

interface Spell extends Target {
  /** When the tool was configured otherwise; absent: it has not been. */
  readonly until?: number;
  /** No credential of the tool that was made there lives longer. */
  readonly longestMs: number;
}

export class Targets {
  /** The latest comes last. */
  readonly #byTool = new Map<string, readonly Spell[]>();
  readonly #connections = new Map<string, Connections>();
  readonly #patience: Patience;

  constructor(patience: Patience) {
    this.#patience = patience;
  }

  /** What is configured now. */
  apply(catalogue: Catalogue, now: number): void {
    for (const [tool, spells] of this.#byTool) {
      const credential = catalogue.byName(tool)?.credential;
      if (credential?.kind !== 'postgres') this.#byTool.set(tool, ended(spells, now));
    }
    for (const { name, credential, maxTtlMs } of catalogue.all()) {
      if (credential.kind !== 'postgres') continue;
      const before = this.#byTool.get(name) ?? [];
      // A new password, or other statements: the same place by newer means.
      const [kept, same] = [false, true].map((isSame) =>
        before.filter((one) => isSamePlace(one.credential, credential) === isSame),
      ) as [Spell[], Spell[]];
      const longestMs = Math.max(maxTtlMs, ...same.map((one) => one.longestMs));
      this.#byTool.set(name, [...ended(kept, now), { ...this.of(credential), longestMs }]);
    }
    this.#closeUnused();
  }

  /** By the same connections for every tool that says the same of the server. */
  of(credential: PostgresCredential): Target {
    const { host, port, database, user, password, tls } = credential;
    const name = JSON.stringify([host, port, database, user, sha256(password.reveal()), tls]);
    let connections = this.#connections.get(name);
    if (!connections)
      this.#connections.set(name, (connections = new Connections(credential, this.#patience)));
    return { credential, connections };
  }

  /** Every place where a tool's credentials are made now. */
  current(tool: string): readonly Target[] {
    return (this.#byTool.get(tool) ?? []).filter(({ until }) => until === undefined);
  }

  /** The tools that have credentials somewhere: now, or before, if one may live that was made then. */
  tools(now: number): string[] {
    return [...this.#byTool.keys()].filter((tool) => this.living(tool, now).length > 0);
  }

  /** Every place where a tool has credentials now, or may have some of before that live. */
  living(tool: string, now: number): readonly Target[] {
    return (this.#byTool.get(tool) ?? []).filter(
      ({ until, longestMs }) => until === undefined || until + OVERLAP_MS + longestMs >= now,
    );
  }

  /** Every place where the lease's credential may have been made. */
  ofLease({ tool, issuedAt }: Pick<Lease, 'tool' | 'issuedAt'>): readonly Target[] {
    const spells = this.#byTool.get(tool) ?? [];
    return spells.filter(({ until }) => until === undefined || until + OVERLAP_MS >= issuedAt);
  }

  /** What is under way gets a moment: a kill that is not done by then is for whoever starts next. */
  async close(): Promise<void> {
    let overdue: NodeJS.Timeout | undefined;
    const moment = new Promise<void>((resolve) => void (overdue = setTimeout(resolve, CLOSE_WITHIN_MS)));
    const closed = [...this.#connections.values()].map((connections) => connections.close());
    await Promise.race([Promise.all(closed), moment]);
    clearTimeout(overdue);
  }

  #closeUnused(): void {
    const used = new Set([...this.#byTool.values()].flat().map(({ connections }) => connections));
    for (const [name, connections] of this.#connections) {
      if (used.has(connections)) continue;
      this.#connections.delete(name);
      void connections.close();
    }
  }
}

const ended = (spells: readonly Spell[], now: number): Spell[] =>
  spells.map((spell) => ({ ...spell, until: spell.until ?? now }));

const isSamePlace = (one: PostgresCredential, other: PostgresCredential): boolean =>
  one.host === other.host && one.port === other.port && one.database === other.database;
