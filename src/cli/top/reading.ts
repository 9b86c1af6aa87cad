// What `mayfly top` knows of a broker: read by the public contract in a handful of requests, whatever the broker holds.
import { type LeaseView, type MayflyClient, MayflyError, type TaskView } from '../../sdk/client/index.js';
import type { AuditEventView, CallOptions, QuarantineView } from '../../sdk/client/index.js';

/** Of each listing one page is read. */
const MOST_TASKS = 50;
const MOST_LEASES = 200;
const MOST_EVENTS = 200;
/** Rates are those of so long a time. */
const WINDOW_MS = 30_000;

export interface Reading {
  /** The broker's time. */
  readonly at: number;
  readonly ready: boolean;
  /** Why not, or what keeps us from knowing more. */
  readonly why?: string;
  readonly tasks: readonly TaskView[];
  readonly moreTasks: boolean;
  readonly agents: readonly AgentLoad[];
  readonly live: number;
  readonly moreLive: boolean;
  /** Credentials whose targets have still to let go. Undefined where the token may not see leases. */
  readonly revoking: number | undefined;
  readonly moreRevoking: boolean;
  /** Credentials that could not be killed at their targets. Undefined likewise. */
  readonly irrevocable: number | undefined;
  readonly moreIrrevocable: boolean;
  readonly quarantines: readonly QuarantineView[];
  readonly kills: readonly AuditEventView[];
  readonly refusals: readonly AuditEventView[];
  readonly rates: Rates | undefined;
}

export interface AgentLoad {
  readonly agent: string;
  readonly leases: number;
  readonly tasks: number;
}

/** Per second; `atLeast` where more happened than was read. */
export interface Rates {
  readonly issued: number;
  readonly refused: number;
  readonly kills: number;
  readonly atLeast: boolean;
}

const MOST_SHOWN = 50;

/** Reads again and again, and remembers what it needs for rates. */
export class Gauge {
  readonly #client: MayflyClient;
  readonly #now: () => number;
  #events: readonly AuditEventView[] = [];
  #sawAllSince = Infinity;

  /** @param now the broker's time, as of its last answer */
  constructor(client: MayflyClient, now: () => number) {
    this.#client = client;
    this.#now = now;
  }

  /** @param call its `signal` gives up the requests, so that nobody waits for a broker that does not answer */
  async read(call: CallOptions = {}): Promise<Reading> {
    const client = this.#client;
    const readiness = await client.readiness(call);
    const tasks = await allowed(client.listTasks({ state: 'open', limit: MOST_TASKS }, call));
    const live = await allowed(client.listLeases({ state: 'active', limit: MOST_LEASES }, call));
    const revoking = await allowed(client.listLeases({ state: 'revoking', limit: MOST_LEASES }, call));
    const irrevocable = await allowed(client.listLeases({ state: 'irrevocable', limit: MOST_LEASES }, call));
    const quarantines = (await allowed(client.listQuarantines(call))) ?? [];
    await this.#readEvents(call);
    const withLog = this.#sawAllSince !== Infinity;
    return {
      at: this.#now(),
      ready: readiness.ready,
      ...(readiness.why !== undefined && { why: readiness.why }),
      tasks: tasks?.tasks ?? [],
      moreTasks: tasks?.next !== undefined,
      agents: loadsOf(live?.leases ?? []),
      live: live?.leases.length ?? 0,
      moreLive: live?.next !== undefined,
      revoking: revoking?.leases.length,
      moreRevoking: revoking?.next !== undefined,
      irrevocable: irrevocable?.leases.length,
      moreIrrevocable: irrevocable?.next !== undefined,
      quarantines,
      kills: this.#events.filter(isKill).slice(0, MOST_SHOWN),
      refusals: this.#events.filter(({ outcome }) => outcome === 'refused').slice(0, MOST_SHOWN),
      rates: withLog ? this.#rates() : undefined,
    };
  }

  /** Those that came since the last time, newest first, before those that were known. */
  async #readEvents(call: CallOptions): Promise<void> {
    const newest = this.#events[0]?.sequence;
    const page = await allowed(
      this.#client.readAudit({ limit: MOST_EVENTS, ...(newest !== undefined && { after: newest }) }, call),
    );
    if (!page) return;
    const { events, next } = page;
    // A full page: what came before it in that time was not read.
    const oldest = events.at(-1);
    if (next !== undefined && oldest) this.#sawAllSince = Date.parse(oldest.at);
    else if (this.#sawAllSince === Infinity) this.#sawAllSince = 0;
    this.#events = [...events, ...this.#events].slice(0, 5 * MOST_EVENTS);
  }

  #rates(): Rates {
    const now = this.#now();
    const wanted = now - WINDOW_MS;
    const since = Math.max(wanted, this.#sawAllSince);
    const seconds = Math.max(1, (now - since) / 1000);
    const recent = this.#events.filter(({ at }) => Date.parse(at) >= since);
    const rate = (counts: (event: AuditEventView) => boolean): number =>
      recent.filter(counts).length / seconds;
    return {
      issued: rate(({ action, outcome }) => outcome === 'permitted' && ISSUES.has(action)),
      refused: rate(({ outcome }) => outcome === 'refused'),
      kills: rate(isKill),
      atLeast: since > wanted && this.#sawAllSince > 0,
    };
  }
}

const ISSUES: ReadonlySet<string> = new Set(['token.exchange', 'lease.renew']);
const KILLS: ReadonlySet<string> = new Set(['revocation.create', 'store.recover']);
const isKill = ({ action, outcome }: AuditEventView): boolean => outcome === 'permitted' && KILLS.has(action);

function loadsOf(leases: readonly LeaseView[]): AgentLoad[] {
  const byAgent = new Map<string, { leases: number; tasks: Set<string> }>();
  for (const { agent, task_id: task } of leases) {
    const load = byAgent.get(agent) ?? { leases: 0, tasks: new Set() };
    load.leases++;
    load.tasks.add(task);
    byAgent.set(agent, load);
  }
  return [...byAgent]
    .map(([agent, { leases: count, tasks }]) => ({ agent, leases: count, tasks: tasks.size }))
    .toSorted((a, b) => b.leases - a.leases || (a.agent < b.agent ? -1 : 1));
}

/** An auditor may not see quarantines, an orchestrator no log: the rest is worth showing. */
async function allowed<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof MayflyError && error.code === 'ERR_FORBIDDEN') return undefined;
    throw error;
  }
}
