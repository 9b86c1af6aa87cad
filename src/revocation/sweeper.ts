// The sweeper: records what time has ended, and kills external credentials at their targets until that is confirmed.
import type { Clock } from '../domain/clock.js';
import { MINUTE_MS, SECOND_MS } from '../domain/duration.js';
import { Secret } from '../domain/secret.js';
import type { Minter } from '../minters/minter.js';
import type { ClaimedLease, Settlement, Store } from '../store/store.js';

/** Records changed in one transition: short enough not to hold up an issuance. */
const SWEEP_LIMIT = 200;
const CLAIM_LIMIT = 32;
/** A kill that is not settled by then is another sweeper's to try. */
const CLAIM_WINDOW_MS = 30 * SECOND_MS;
const MOST_ATTEMPTS = 6;
const FIRST_RETRY_MS = SECOND_MS;
const LONGEST_RETRY_MS = 5 * MINUTE_MS;

export interface SweeperLog {
  error(facts: object, message: string): void;
}

export interface SweeperOptions {
  readonly store: Pick<Store, 'sweep' | 'claimDue' | 'settle' | 'now'>;
  readonly minters: ReadonlyMap<string, Minter>;
  readonly unseal: (sealed: string, context: string) => string;
  readonly clock: Clock;
  readonly log: SweeperLog;
  readonly random?: () => number;
}

/** Runs at once when woken, at the next deadline by itself, and whenever the safety net calls `wake`. */
export class Sweeper {
  readonly #options: SweeperOptions;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #stopped = false;

  constructor(options: SweeperOptions) {
    this.#options = options;
  }

  /** There may be work. Cheap to call, and never waits. */
  wake(): void {
    if (this.#stopped) return;
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

  /** Lets the sweep that is under way finish, and starts no other. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  async #sweepUntilDone(): Promise<void> {
    const { store, log } = this.#options;
    try {
      while (!this.#stopped) {
        const { changed, nextDueAt } = await store.sweep(SWEEP_LIMIT);
        const due = await store.claimDue(CLAIM_LIMIT, CLAIM_WINDOW_MS);
        await Promise.all(due.map((claimed) => this.#kill(claimed)));
        if (changed > 0 || due.length > 0) continue;
        this.#sleepUntil(nextDueAt);
        return;
      }
    } catch (error) {
      log.error({ err: error }, 'the sweep was interrupted; it is taken up again');
      this.#sleepUntil(this.#options.clock.now() + SECOND_MS);
    }
  }

  #sleepUntil(dueAt: number | undefined): void {
    clearTimeout(this.#timer);
    if (dueAt === undefined || this.#stopped) return;
    const delayMs = Math.min(Math.max(dueAt - this.#options.clock.now(), 1), MINUTE_MS);
    this.#timer = setTimeout(() => this.wake(), delayMs);
    this.#timer.unref();
  }

  async #kill(claimed: ClaimedLease): Promise<void> {
    const { store, log } = this.#options;
    const { lease, claim, attempts } = claimed;
    const settlement = await this.#attempt(claimed);
    if (settlement.kind !== 'confirmed') {
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
  }

  async #attempt({ lease, attempts, sealedSecret }: ClaimedLease): Promise<Settlement> {
    try {
      const minter = this.#options.minters.get(lease.kind);
      if (!minter?.external) throw new Error(`no minter for ${lease.kind}`);
      const secret =
        sealedSecret === undefined
          ? undefined
          : new Secret(this.#options.unseal(sealedSecret, `lease:${lease.id}`));
      await minter.revoke(lease, secret);
      return { kind: 'confirmed' };
    } catch (cause) {
      const error = cause instanceof Error ? cause.message : String(cause);
      return attempts + 1 >= MOST_ATTEMPTS
        ? { kind: 'irrevocable', error }
        : { kind: 'failed', retryAfterMs: this.#retryAfter(attempts), error };
    }
  }

  /** Doubles, with full jitter over its upper half, so that many brokers do not call a target in step. */
  #retryAfter(attempts: number): number {
    const backoff = Math.min(FIRST_RETRY_MS * 2 ** attempts, LONGEST_RETRY_MS);
    return Math.round(backoff * (0.5 + (this.#options.random ?? Math.random)() / 2));
  }
}
