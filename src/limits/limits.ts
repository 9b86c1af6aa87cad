// The limits in force: what the edge and the use cases ask before they go on. Never asked before a kill.
import type { Clock } from '../domain/clock.js';
import type { PrincipalName, RequestId } from '../domain/ids.js';
import type { Lease } from '../domain/lease.js';
import type { RefusalReason } from '../domain/refusal.js';
import { Refusal } from '../domain/refusal.js';
import type { Task } from '../domain/task.js';
import type { Store } from '../store/store.js';
import { callerAt } from './address.js';
import type { Full, Place } from './occupancy.js';
import { Occupancy } from './occupancy.js';
import { Buckets } from './rate.js';
import type { Rate } from './rate.js';
import { Released } from './released.js';
import type { LimitName, LimitSettings } from './settings.js';
import { Streams } from './streams.js';
import type { SummaryLog } from './summary.js';
import { Summary } from './summary.js';

const MOST_PRINCIPALS = 20_000;
const MOST_ADDRESSES = 100_000;
/** How long the store may count for one who waits. */
const COUNT_WITHIN_MS = 1000;
/** Where a limit is off; the map is empty then, too. */
const UNBOUNDED: Rate = { perSecond: 1e9, burst: 1e9 };

/** Not the caller's fault: counts against no address. */
const OURS: ReadonlySet<RefusalReason> = new Set<RefusalReason>([
  'shutting_down',
  'store_unavailable',
  'issuer_unavailable',
  'trust_changed',
  // Every honest client is told once that it needs one (RFC 9449 §8).
  'proof_nonce_missing',
  'proof_nonce_invalid',
]);
/** Said by a limit, and therefore told in summary. */
const LIMITS_SAY: ReadonlySet<RefusalReason> = new Set([
  'rate_limited',
  'too_many_leases',
  'too_many_tasks',
  'too_many_streams',
]);

/** A request that was refused, as far as it is known by then. */
export interface RefusedRequest {
  readonly requestId: RequestId;
  readonly address: string;
  readonly principal?: PrincipalName;
}

export interface LimitsOptions {
  readonly settings: LimitSettings;
  readonly store: Pick<Store, 'record' | 'countLive' | 'countOpenTasks'>;
  readonly clock: Clock;
  readonly log: SummaryLog;
  /** No other broker works on this store. */
  readonly alone: boolean;
  readonly monotonic?: () => number;
}

export class Limits {
  readonly #options: LimitsOptions;
  readonly #monotonic: () => number;
  #settings: LimitSettings;
  readonly #requests = new Buckets(UNBOUNDED, MOST_PRINCIPALS);
  readonly #refusals = new Buckets(UNBOUNDED, MOST_ADDRESSES);
  readonly #recorded = new Buckets(UNBOUNDED, 1);
  readonly #ofTasks: Occupancy;
  readonly #ofAgents: Occupancy;
  readonly #openTasks: Occupancy;
  readonly #waiting = new Map<PrincipalName, number>();
  readonly #streams = new Streams();
  readonly #released = new Released();
  readonly #summary: Summary;

  constructor(options: LimitsOptions) {
    this.#options = options;
    const { settings, alone, monotonic = () => performance.now(), store, clock, log } = options;
    this.#settings = settings;
    this.#monotonic = monotonic;
    const occupancy = (): Occupancy => new Occupancy({ alone, monotonic });
    [this.#ofTasks, this.#ofAgents, this.#openTasks] = [occupancy(), occupancy(), occupancy()];
    this.#summary = new Summary({ store, clock, log, everyMs: settings.summaryEveryMs });
    this.apply(settings);
  }

  /** Other limits from now on. What was counted stays counted. */
  apply(settings: LimitSettings): void {
    this.#settings = settings;
    const now = this.#monotonic();
    this.#requests.changeRate(settings.requestsPerPrincipal ?? UNBOUNDED, now);
    this.#refusals.changeRate(settings.refusalsPerAddress ?? UNBOUNDED, now);
    this.#recorded.changeRate(settings.recordedRefusals, now);
    this.#ofTasks.most = settings.liveLeasesPerTask;
    this.#ofAgents.most = settings.liveLeasesPerAgent;
    this.#openTasks.most = settings.openTasksPerOrchestrator;
    this.#streams.most = settings.streams;
    this.#streams.mostOfOne = settings.streamsPerPrincipal;
    this.#summary.everyMs = settings.summaryEveryMs;
  }

  /** Most tasks that may be open in one tree: held by the store's own transition. */
  get mostOpenInTree(): number | undefined {
    return this.#settings.openTasksPerTree;
  }

  /** Before a token from this address is verified, unless it is known already. */
  refusesAddress(address: string): Refusal | undefined {
    if (!this.#settings.refusalsPerAddress || this.#refusals.size === 0) return undefined;
    const waitMs = this.#refusals.wait(callerAt(address), this.#monotonic());
    return waitMs > 0 ? limited('refusals_per_address', waitMs) : undefined;
  }

  /** One more request of this principal. */
  refusesRequest(principal: PrincipalName): Refusal | undefined {
    if (!this.#settings.requestsPerPrincipal) return undefined;
    const waitMs = this.#requests.take(principal, this.#monotonic());
    return waitMs > 0 ? limited('requests_per_principal', waitMs) : undefined;
  }

  /**
   * Whether this refusal is told in summary, and not by an event of its own: what a limit said, and what comes in
   * floods. Counts it in either case. A refused kill of a known principal is told in full as long as it keeps to its rate.
   */
  tellsInSummary(refusal: Refusal, request: RefusedRequest): boolean {
    const { reason } = refusal;
    if (LIMITS_SAY.has(reason)) return this.#counted(limitOf(refusal), reason, request);
    // Whoever has no role may be anybody: an issuer that the world may use vouches for the whole world.
    const isStranger = request.principal === undefined || reason === 'role_missing';
    if (!isStranger) return false;
    const now = this.#monotonic();
    const charged = request.principal === undefined && this.#settings.refusalsPerAddress && !OURS.has(reason);
    if (charged && this.#refusals.take(callerAt(request.address), now) > 0)
      return this.#counted('refusals_per_address', reason, request);
    return this.#recorded.take('', now) > 0 && this.#counted('recorded_refusals', reason, request);
  }

  /** The same for a refused kill, which no rate has looked at before: nor does one where a name says nothing. */
  tellsKillInSummary(refusal: Refusal, request: RefusedRequest): boolean {
    const { principal } = request;
    if (principal === undefined || refusal.reason === 'role_missing' || !this.refusesRequest(principal))
      return this.tellsInSummary(refusal, request);
    return this.#counted('requests_per_principal', refusal.reason, request);
  }

  #counted(limit: LimitName, reason: RefusalReason, request: RefusedRequest): true {
    this.#summary.count({ ...request, limit, reason, address: callerAt(request.address) });
    return true;
  }

  /** A place for one more lease of the task and of the agent. */
  placeForLease(task: Task, agent: PrincipalName): Place | Refusal | Promise<Place | Refusal> {
    const { store, clock } = this.#options;
    const ofTask = this.#ofTasks.enter(
      task.id,
      (most) => store.countLive({ task: task.id }, most, COUNT_WITHIN_MS),
      clock.now() - task.openedAt,
    );
    const ofAgent = this.#ofAgents.enter(agent, (most) => store.countLive({ agent }, most, COUNT_WITHIN_MS));
    return ofTask instanceof Promise || ofAgent instanceof Promise
      ? bothWhenThere(ofTask, ofAgent)
      : both(ofTask, ofAgent);
  }

  /** The lease was ended by name, before its time. Said twice, it counts once. */
  leaseReleased({
    id,
    taskId,
    agent,
    expiresAt,
  }: Pick<Lease, 'id' | 'taskId' | 'agent' | 'expiresAt'>): void {
    if (!this.#released.first(id)) return;
    const leftMs = expiresAt - this.#options.clock.now();
    this.#ofTasks.left(taskId, leftMs);
    this.#ofAgents.left(agent, leftMs);
  }

  /** `before`: the lease as it was; it lives for `lifeMs` from now. */
  leaseRenewed(before: Pick<Lease, 'taskId' | 'agent' | 'expiresAt'>, lifeMs: number): void {
    const leftMs = before.expiresAt - this.#options.clock.now();
    this.#ofTasks.prolonged(before.taskId, leftMs, lifeMs);
    this.#ofAgents.prolonged(before.agent, leftMs, lifeMs);
  }

  /** A place for one more open task of the orchestrator. */
  placeForTask(orchestrator: PrincipalName): Place | Refusal | Promise<Place | Refusal> {
    const { store } = this.#options;
    const entered = this.#openTasks.enter(orchestrator, (most) => store.countOpenTasks(orchestrator, most));
    return entered instanceof Promise ? entered.then(forTask) : forTask(entered);
  }

  taskClosed({ orchestrator, deadline }: Pick<Task, 'orchestrator' | 'deadline'>): void {
    this.#openTasks.left(orchestrator, deadline - this.#options.clock.now());
  }

  /** `before`: the task as it was; it is open until `deadline`. */
  taskExtended(before: Pick<Task, 'orchestrator' | 'deadline'>, deadline: number): void {
    const now = this.#options.clock.now();
    this.#openTasks.prolonged(before.orchestrator, before.deadline - now, deadline - now);
  }

  /** Something was killed, here or at another broker. */
  somethingEnded(): void {
    for (const occupancy of [this.#ofTasks, this.#ofAgents, this.#openTasks]) occupancy.somethingEnded();
  }

  /** Holds a request open: answers how to let go of it, or undefined where the principal holds as many as it may. */
  hold(principal: PrincipalName, { requestId }: Pick<RefusedRequest, 'requestId'>): (() => void) | undefined {
    const held = this.#waiting.get(principal) ?? 0;
    if (held >= (this.#settings.waitingPerPrincipal ?? Infinity)) {
      this.#summary.count({ requestId, principal, limit: 'waiting_per_principal', address: '' });
      return undefined;
    }
    this.#waiting.set(principal, held + 1);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      const left = this.#waiting.get(principal)! - 1;
      if (left > 0) this.#waiting.set(principal, left);
      else this.#waiting.delete(principal);
    };
  }

  /** A place for one more stream of the principal: answers how to leave it. */
  stream(principal: PrincipalName): (() => void) | Refusal {
    return this.#streams.enter(principal);
  }

  /** Writes down what is not written down yet. */
  stop(): Promise<void> {
    return this.#summary.write();
  }
}

const isFull = (place: Place | Full): place is Full => 'retryAfterMs' in place;

const limited = (limit: LimitName, waitMs: number): Refusal =>
  new Refusal('rate_limited', limit, [], { retryAfterMs: waitMs });
const tooMany = (reason: RefusalReason, limit: LimitName, { retryAfterMs }: Full): Refusal =>
  new Refusal(reason, limit, [], { retryAfterMs });
/** Every refusal by a limit names it as its detail. */
const limitOf = ({ detail }: Refusal): LimitName => detail as LimitName;

const forTask = (place: Place | Full): Place | Refusal =>
  isFull(place) ? tooMany('too_many_tasks', 'open_tasks_per_orchestrator', place) : place;

function both(ofTask: Place | Full, ofAgent: Place | Full): Place | Refusal {
  if (isFull(ofTask)) {
    if (!isFull(ofAgent)) ofAgent.free();
    return tooMany('too_many_leases', 'live_leases_per_task', ofTask);
  }
  if (isFull(ofAgent)) {
    ofTask.free();
    return tooMany('too_many_leases', 'live_leases_per_agent', ofAgent);
  }
  return new BothPlaces(ofTask, ofAgent);
}

class BothPlaces implements Place {
  readonly #one: Place;
  readonly #other: Place;

  constructor(one: Place, other: Place) {
    this.#one = one;
    this.#other = other;
  }

  taken(lifeMs: number): void {
    this.#one.taken(lifeMs);
    this.#other.taken(lifeMs);
  }

  free(): void {
    this.#one.free();
    this.#other.free();
  }
}

type Entered = Place | Full | Promise<Place | Full>;

/** Where the store cannot be asked about the one, the place of the other is given up. */
async function bothWhenThere(ofTask: Entered, ofAgent: Entered): Promise<Place | Refusal> {
  const [task, agent] = await Promise.allSettled([ofTask, ofAgent]);
  if (task.status === 'fulfilled' && agent.status === 'fulfilled') return both(task.value, agent.value);
  for (const one of [task, agent]) if (one.status === 'fulfilled' && !isFull(one.value)) one.value.free();
  throw (task.status === 'rejected' ? task.reason : (agent as PromiseRejectedResult).reason) as Error;
}
