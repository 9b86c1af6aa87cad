// Reconciliation: what each target holds under our names is compared with the store, orphans are killed, drift is told.
import { AuditEntry } from '../../audit/entry.js';
import type { Clock } from '../../domain/clock.js';
import { SECOND_MS } from '../../domain/duration.js';
import type { LeaseId, RequestId } from '../../domain/ids.js';
import { requestId } from '../../domain/ids.js';
import { Refusal } from '../../domain/refusal.js';
import type { Catalogue } from '../../domain/tool.js';
import { answerWithin } from '../../minters/answer-within.js';
import type { ExternalMinter, Minter } from '../../minters/minter.js';
import type { Targets } from '../../minters/targets.js';
import type { Store } from '../../store/store.js';
import type { Metrics } from '../../telemetry/metrics.js';
import type { Drift, DriftStore, Orphan } from './drift.js';
import { findDrift } from './drift.js';
import { killOrphans } from './orphans.js';

/** Somebody waits for the answer: a target, or a store, that takes longer is told as an error. */
const COMPARED_WITHIN_MS = 10 * SECOND_MS;
const TIDIED_WITHIN_MS = 10 * SECOND_MS;
/** From the beginning on, until no more kills are begun. With the last of them the answer is there within half a minute. */
const KILLS_BEGIN_WITHIN_MS = 12 * SECOND_MS;
const STOP_WITHIN_MS = 5 * SECOND_MS;

export interface Reconciled {
  readonly tool: string;
  /** Credentials of ours that the target held; absent where it cannot tell, or could not. */
  readonly listed?: number;
  /** Those without a live lease. What was neither killed nor failed is for the next time. */
  readonly orphans: number;
  readonly killed: number;
  readonly failed: number;
  /** Active leases without a credential. */
  readonly missing: number;
  /** Kills that somebody had taken back at the target, as far as this broker saw; they are in force again. */
  readonly undone: number;
  /** Why it could not be compared, or put right. */
  readonly error?: string;
}

export interface ReconcilerOptions {
  readonly store: DriftStore & Pick<Store, 'record'>;
  readonly minters: ReadonlyMap<string, Minter>;
  readonly targets: Targets;
  readonly catalogue: () => Catalogue;
  readonly clock: Clock;
  readonly log: Record<'warn' | 'error', (facts: object, message: string) => void>;
  readonly metrics: Pick<Metrics, 'count' | 'read'>;
  /** How often it runs by itself; 0: not at all. */
  readonly everyMs: number;
  readonly random?: () => number;
}

/** Where credentials of a tool are, by the minter that makes them, or made them before. */
interface Place {
  readonly tool: string;
  readonly minter: ExternalMinter;
}

/** What the last run of a place left. */
interface Left {
  readonly orphans: ReadonlySet<LeaseId>;
  readonly missing: ReadonlySet<LeaseId>;
}

/**
 * Each broker does this for itself, at times that chance spreads: to kill what another has just killed is to do nothing.
 * What a broker finds again, as it could not be killed or is still missing, it tells only once.
 */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #running = new Map<string, Promise<Reconciled>>();
  readonly #left = new Map<string, Left>();
  readonly #comparedAt = new Map<string, number>();
  readonly #startedAt: number;
  #dueAt: number;
  #stopped = false;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    // With the first look at the clock: what a crash left over waits for nobody.
    this.#dueAt = this.#startedAt = options.clock.now();
    const { metrics, clock } = options;
    metrics.read('drift_left', () => this.#leftOver());
    metrics.read('reconciliation_age_seconds', () =>
      this.#places()
        .filter(({ minter }) => minter.listable)
        .map((place) => {
          const at = this.#comparedAt.get(nameOf(place)) ?? this.#startedAt;
          return { labels: [place.tool], value: (clock.now() - at) / 1000 };
        }),
    );
  }

  /** Runs where that is due. Cheap to call, and never waits. */
  look(): void {
    const { everyMs, clock, log, random = Math.random } = this.#options;
    const now = clock.now();
    if (everyMs === 0 || this.#stopped || now < this.#dueAt) return;
    this.#dueAt = now + everyMs * (0.75 + random() / 2);
    for (const place of this.#places())
      this.#run(place, requestId()).catch((error: unknown) =>
        log.error({ err: error, tool: place.tool }, 'a target could not be reconciled; it is tried again'),
      );
  }

  /** Runs now, for one tool or for all, and answers what came of it: within half a minute, whatever targets do. */
  async run(tool: string | undefined, entry: AuditEntry): Promise<readonly Reconciled[] | Refusal> {
    const places = this.#places().filter((place) => tool === undefined || place.tool === tool);
    if (tool !== undefined) {
      entry.facts.tool = tool;
      if (places.length === 0 && !this.#options.catalogue().byName(tool))
        return new Refusal('target_unknown', `no tool ${tool}`);
    }
    const all = await Promise.all(places.map((place) => this.#run(place, entry.requestId, true)));
    entry.learn({ targets: all });
    return all;
  }

  /** Begins nothing any more, and gives what is under way a moment. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await answerWithin(STOP_WITHIN_MS, Promise.all(this.#running.values())).catch(() => {});
  }

  /** Of every tool whose credentials can be told of, or put right, at their target. */
  #places(): Place[] {
    const { catalogue, minters } = this.#options;
    const places = new Map<string, Place>();
    const add = (tool: string, minter: Minter | undefined): void => {
      if (!minter?.external || !(minter.listable || minter.tidy)) return;
      places.set(nameOf({ tool, minter }), { tool, minter });
    };
    for (const { name, credential } of catalogue().all()) add(name, minters.get(credential.kind));
    for (const minter of minters.values())
      if (minter.external) for (const tool of minter.formerTools?.() ?? []) add(tool, minter);
    return [...places.values()];
  }

  /** One at a time for each place: who comes while it runs is answered by what comes of that. */
  #run(place: Place, request: RequestId, asked = false): Promise<Reconciled> {
    const name = nameOf(place);
    let running = this.#running.get(name);
    if (!running) {
      running = this.#reconcile(place, request, asked).finally(() => this.#running.delete(name));
      this.#running.set(name, running);
    }
    return running;
  }

  async #reconcile(place: Place, request: RequestId, asked: boolean): Promise<Reconciled> {
    const { tool, minter } = place;
    const begun = performance.now();
    const { drift, error } = await this.#compare(place);
    const before = this.#left.get(nameOf(place)) ?? NOTHING;
    const orphansLeft = new Set(drift.orphans.map(({ id }) => id));
    const came = { killed: 0, failed: 0 };
    await killOrphans(drift.orphans, {
      tool,
      minter,
      targets: this.#options.targets,
      mayBegin: () => !this.#stopped && performance.now() - begun < KILLS_BEGIN_WITHIN_MS,
      came: async (orphan, why) => {
        came[why === undefined ? 'killed' : 'failed']++;
        if (why === undefined) orphansLeft.delete(orphan.id);
        if (why === undefined || !before.orphans.has(orphan.id))
          await this.#recordOrphan(tool, orphan, request, why);
      },
    });
    const { undone, flaw } = error === undefined ? await this.#tidy(place) : { undone: 0, flaw: error };
    const reconciled: Reconciled = {
      tool,
      ...(minter.listable && error === undefined && { listed: drift.listed }),
      orphans: drift.orphans.length,
      ...came,
      missing: drift.missing.length,
      undone,
      ...(flaw !== undefined && { error: flaw }),
    };
    const isNew = this.#count(tool, drift, before);
    for (let kill = 0; kill < undone; kill++) this.#options.metrics.count('drift_total', tool, 'undone');
    if (error === undefined) {
      this.#left.set(nameOf(place), {
        orphans: orphansLeft,
        missing: new Set(drift.missing.map(({ id }) => id)),
      });
      this.#comparedAt.set(nameOf(place), this.#options.clock.now());
    }
    await this.#tell(reconciled, request, isNew || came.killed + undone > 0, asked);
    return reconciled;
  }

  async #compare({ tool, minter }: Place): Promise<{ drift: Drift; error?: string }> {
    if (!minter.list || !minter.listable) return { drift: NONE };
    const listing = { tool, kind: minter.kind, list: () => minter.list!(tool) };
    try {
      return {
        drift: await answerWithin(COMPARED_WITHIN_MS, findDrift(this.#options.store, listing)),
      };
    } catch (cause) {
      return { drift: NONE, error: said(cause) };
    }
  }

  async #tidy({ tool, minter }: Place): Promise<{ undone: number; flaw?: string }> {
    if (!minter.tidy || this.#stopped) return { undone: 0 };
    try {
      const { undone, failures } = await answerWithin(TIDIED_WITHIN_MS, minter.tidy(tool));
      return { undone, ...(failures.length > 0 && { flaw: said(failures[0]) }) };
    } catch (cause) {
      return { undone: 0, flaw: said(cause) };
    }
  }

  /** Answers whether anything is among it that was not there the last time. */
  #count(tool: string, { orphans, missing }: Drift, before: Left): boolean {
    const newOrphans = orphans.filter(({ id }) => !before.orphans.has(id));
    const newlyMissing = missing.filter(({ id }) => !before.missing.has(id));
    for (const _orphan of newOrphans) this.#options.metrics.count('drift_total', tool, 'orphan');
    for (const _lease of newlyMissing) this.#options.metrics.count('drift_total', tool, 'missing');
    return newOrphans.length + newlyMissing.length > 0;
  }

  /** What was asked for stands in the event of whoever asked. */
  async #tell(reconciled: Reconciled, request: RequestId, drifted: boolean, asked: boolean): Promise<void> {
    const { log } = this.#options;
    const { tool, error, ...counts } = reconciled;
    if (error !== undefined)
      log.warn({ tool, error }, 'a target could not be compared with the store, or put right');
    if (!drifted) return;
    log.warn({ tool, ...counts }, 'a target and the store differed');
    if (asked) return;
    const entry = new AuditEntry(request, 'target.reconcile', { tool, detail: { ...counts } });
    await this.#record(entry, counts.failed > 0 ? 'failed' : 'permitted');
  }

  /** Afterwards: a kill waits for no record (invariant 7). */
  #recordOrphan(tool: string, { id, lease }: Orphan, request: RequestId, error?: string): Promise<void> {
    const entry = new AuditEntry(request, 'credential.orphan', {
      tool,
      leaseId: id,
      ...(lease && { taskId: lease.taskId }),
      detail: { lease: lease?.state ?? 'unknown', ...(error !== undefined && { error }) },
    });
    return this.#record(entry, error === undefined ? 'permitted' : 'failed');
  }

  async #record(entry: AuditEntry, outcome: 'permitted' | 'failed'): Promise<void> {
    const { store, log } = this.#options;
    await store
      .record(entry, { outcome })
      .catch((error: unknown) => log.error({ err: error, ...entry.facts }, 'an audit event was lost'));
  }

  #leftOver(): { labels: [tool: string, kind: string]; value: number }[] {
    const places = this.#places().flatMap((place) => {
      const left = this.#left.get(nameOf(place));
      return left ? [[place.tool, left] as const] : [];
    });
    return places.flatMap(([tool, { orphans, missing }]) => [
      { labels: [tool, 'orphan'], value: orphans.size },
      { labels: [tool, 'missing'], value: missing.size },
    ]);
  }
}

const NONE: Drift = { listed: 0, orphans: [], missing: [] };
const NOTHING: Left = { orphans: new Set(), missing: new Set() };

const nameOf = ({ tool, minter }: Place): string => `${minter.kind} ${tool}`;
const said = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
