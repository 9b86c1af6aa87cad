// The sweeper: records what time has ended, and kills external credentials at their targets until that is confirmed.
import type { Work } from '../broker.js';
import type { Clock } from '../domain/clock.js';
import type { LeaseId, TaskId } from '../domain/ids.js';
import type { Lease } from '../domain/lease.js';
import { MINUTE_MS, SECOND_MS } from '../domain/duration.js';
import { Secret } from '../domain/secret.js';
import { answerWithin } from '../minters/answer-within.js';
import type { Accepted, Minter } from '../minters/minter.js';
import type { LanePlace, Targets } from '../minters/targets.js';
import { PutOff } from '../minters/targets.js';
import type { ClaimedLease, Settlement, Store } from '../store/store.js';

/** Records changed in one transition: short enough not to hold up an issuance. */
const SWEEP_LIMIT = 200;
/** Kills claimed at a time. What finds no place at its target is given back before more are claimed. */
const MOST_CLAIMED = 64;
/** A kill that is not settled by then is another sweeper's to try. Longer than its wait for a place and its attempt. */
const CLAIM_WINDOW_MS = 30 * SECOND_MS;
/** A target that has not answered by then has not let go: a failed attempt, told while the loan still runs. */
const ATTEMPT_MS = 25 * SECOND_MS;
/** What is still under way when we are to stop is for whoever starts next, once its loan has run out. */
const STOP_WITHIN_MS = 5 * SECOND_MS;
const MOST_ATTEMPTS = 6;
const FIRST_RETRY_MS = SECOND_MS;
const LONGEST_RETRY_MS = 5 * MINUTE_MS;

type Place = LanePlace | PutOff;

export interface SweeperLog {
  error(facts: object, message: string): void;
}

export interface SweeperOptions {
  readonly store: Pick<Store, 'sweep' | 'claimDue' | 'claimEnded' | 'settle' | 'now'>;
  readonly minters: ReadonlyMap<string, Minter>;
  readonly targets: Targets;
  readonly unseal: (sealed: string, context: string) => string;
  readonly clock: Clock;
  readonly log: SweeperLog;
  readonly random?: () => number;
  readonly attemptMs?: number;
  /** Before a credential is irrevocable. */
  readonly mostAttempts?: number;
  /** Looks again after so long, whatever is known to fall due: another broker may have opened what it cannot end. */
  readonly lookEveryMs?: number;
}

/** Runs at once when woken, at the next deadline by itself, and whenever the safety net calls `wake`. */
export class Sweeper {
  readonly #options: SweeperOptions;
  #timer: NodeJS.Timeout | undefined;
  /** When it goes off, by the clock. */
  #wakesAt = Infinity;
  /** What fell due since the last sweep began, and may not have been seen by it. */
  #lookAt = Infinity;
  #running: Promise<void> | undefined;
  #again = false;
  #stopped = false;
  readonly #kills = new Set<Promise<void>>();

  constructor(options: SweeperOptions) {
    this.#options = options;
  }

  /** There may be work. Cheap to call, and never waits. */
  wake(work?: Work): void {
    if (this.#stopped) return;
    if (work === undefined) this.#look();
    else if ('by' in work) this.#lookBy(work.by);
    else void this.#begin(this.#killEnded(work.ended), 'what was ended is not being killed yet: once more');
  }

  #look(): void {
    if (this.#running) {
      this.#again = true;
      return;
    }
    this.#running = this.#sweepUntilDone().finally(() => {
      this.#running = undefined;
      if (this.#again) {
        this.#again = false;
        this.wake();
      }
    });
  }

  /** Lets the sweep that is under way finish, gives kills a moment, and starts no other. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
    await answerWithin(STOP_WITHIN_MS, Promise.all(this.#kills)).catch(() => {});
  }

  async #sweepUntilDone(): Promise<void> {
    const { store, log } = this.#options;
    try {
      while (!this.#stopped) {
        this.#lookAt = Infinity;
        const { changed, nextDueAt = Infinity } = await store.sweep(SWEEP_LIMIT);
        const begun = await this.#beginKills();
        if (changed > 0 || begun > 0) continue;
        this.#sleepUntil(Math.min(nextDueAt, this.#lookAt));
        return;
      }
    } catch (error) {
      log.error({ err: error }, 'the sweep was interrupted; it is taken up again');
      this.#sleepUntil(this.#options.clock.now() + SECOND_MS);
    }
  }

  /**
   * Kills go on beside the sweep, each in the lane of its target. All that is due is claimed, whatever is under way: what
   * is behind five hundred kills at a target that hangs is claimed, too, as those are given back.
   */
  async #beginKills(): Promise<number> {
    const due = await this.#options.store.claimDue(MOST_CLAIMED, CLAIM_WINDOW_MS);
    await this.#killEach(due);
    return due.length;
  }

  /** Ahead of any sweep: a look at every tree takes longer than many a kill. */
  async #killEnded(of: TaskId | LeaseId): Promise<void> {
    const { claimed, more } = await this.#options.store.claimEnded(of, MOST_CLAIMED, CLAIM_WINDOW_MS);
    await this.#killEach(claimed);
    if (more) this.wake();
  }

  /** Resolves when those that found no place are given back. */
  async #killEach(due: readonly ClaimedLease[]): Promise<void> {
    const givenBack: Promise<void>[] = [];
    for (const claimed of due) {
      const place = this.#options.targets.placeForKill(claimed.lease.tool);
      const flaw = 'what became of a kill is not on record: once more';
      const kill = this.#begin(this.#kill(claimed, place), flaw, claimed.lease.id);
      if (place instanceof PutOff) givenBack.push(kill);
    }
    await Promise.all(givenBack);
  }

  /** Goes on beside the sweep. What goes wrong is looked at again. */
  #begin(work: Promise<void>, flaw: string, lease?: LeaseId): Promise<void> {
    const begun = work
      .catch((error: unknown) => {
        this.#options.log.error({ err: error, ...(lease && { lease }) }, flaw);
        this.wake();
      })
      .finally(() => this.#kills.delete(begun));
    this.#kills.add(begun);
    return begun;
  }

  /** A sweep that is under way may have seen the store as it was before. */
  #lookBy(at: number): void {
    if (this.#stopped || at === Infinity) return;
    this.#lookAt = Math.min(this.#lookAt, at);
    if (this.#running) return;
    // A clock that was set forward, or a machine that slept, has no timer go off sooner.
    if (this.#options.clock.now() > this.#wakesAt) this.#look();
    else if (at < this.#wakesAt) this.#sleepUntil(at);
  }

  #sleepUntil(dueAt: number): void {
    clearTimeout(this.#timer);
    this.#wakesAt = Infinity;
    if (this.#stopped) return;
    const { clock, lookEveryMs } = this.#options;
    if (dueAt === Infinity && lookEveryMs === undefined) return;
    const dueInMs = Math.max(dueAt - clock.now(), 1);
    const delayMs = Math.min(dueInMs, lookEveryMs ?? MINUTE_MS);
    this.#wakesAt = clock.now() + delayMs;
    this.#timer = setTimeout(() => this.wake(), delayMs);
    this.#timer.unref();
  }

  async #kill(claimed: ClaimedLease, soon: Place | Promise<Place>): Promise<void> {
    const { store, log } = this.#options;
    const { lease, claim, attempts } = claimed;
    const place = await soon;
    const settlement = await this.#settlementOf(claimed, place);
    if (settlement.kind === 'failed' || settlement.kind === 'irrevocable') {
      const message =
        settlement.kind === 'irrevocable'
          ? 'a credential could not be revoked: somebody must look'
          : 'a kill failed';
      log.error(
        { lease: lease.id, tool: lease.tool, attempts: attempts + 1, error: settlement.error },
        message,
      );
    }
    await store.settle(lease.id, claim, settlement);
    this.#lookBy(this.#dueAgain(lease, settlement));
  }

  /** A mint that is late may come to be after its kill: it is killed once more when it no longer can. */
  #dueAgain({ kind, issuedAt }: Lease, settlement: Settlement): number {
    const { clock, minters } = this.#options;
    const now = clock.now();
    if ('retryAfterMs' in settlement) return now + settlement.retryAfterMs;
    const minter = minters.get(kind);
    const mintedBy = minter?.external ? issuedAt + minter.mintDeadlineMs : now;
    return mintedBy > now ? mintedBy : Infinity;
  }

  async #settlementOf(claimed: ClaimedLease, place: Place): Promise<Settlement> {
    if (place instanceof PutOff) return { kind: 'deferred', retryAfterMs: place.retryAfterMs };
    const { attempts } = claimed;
    try {
      // It may have waited for its place until we were to stop.
      if (this.#stopped) return { kind: 'deferred', retryAfterMs: 0 };
      const accepted = await this.#attempt(claimed, place);
      return accepted ? { kind: 'accepted', retryAfterMs: accepted.againMs } : { kind: 'confirmed' };
    } catch (cause) {
      const error = cause instanceof Error ? cause.message : String(cause);
      return attempts + 1 >= (this.#options.mostAttempts ?? MOST_ATTEMPTS)
        ? { kind: 'irrevocable', error }
        : { kind: 'failed', retryAfterMs: this.#retryAfter(attempts), error };
    } finally {
      place.leave();
    }
  }

  /** What is wrong on our side, a key to unseal with that is not there, is no sign that the target is down. */
  async #attempt({ lease, sealedSecret }: ClaimedLease, place: LanePlace): Promise<Accepted | void> {
    const minter = this.#options.minters.get(lease.kind);
    if (!minter?.external) throw new Error(`no minter for ${lease.kind}`);
    const secret =
      sealedSecret === undefined
        ? undefined
        : new Secret(this.#options.unseal(sealedSecret, `lease:${lease.id}`));
    return place.work(lease.id, this.#options.attemptMs ?? ATTEMPT_MS, () => minter.revoke(lease, secret));
  }

  /** Doubles, with full jitter over its upper half, so that many brokers do not call a target in step. */
  #retryAfter(attempts: number): number {
    const backoff = Math.min(FIRST_RETRY_MS * 2 ** attempts, LONGEST_RETRY_MS);
    return Math.round(backoff * (0.5 + (this.#options.random ?? Math.random)() / 2));
  }
}
