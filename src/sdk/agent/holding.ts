// One credential, of one task for one tool: cached, renewed shortly before its end, asked for once however many want it.
import { type ExchangeRequest, type MayflyClient, MayflyError, type TokenResponse } from '../client/index.js';
import type { Leases, Taken } from './leases.js';
import { Setback } from './setback.js';
import type { TaskEnds } from './task-ends.js';

/** With a tenth of its life left it is time for another one, or with so much. */
const LONGEST_MARGIN_MS = 30_000;
/** Also of one that is over when it comes, as in the last second of a task, not every caller asks for another one. */
const LEAST_USE_MS = 250;
/** A tool that refuses the one that came in place of a refused one is not given a third before that. */
const PROBATION_MS = 10_000;

/** What all credentials of an agent have in common. */
export interface HoldingParts {
  readonly broker: MayflyClient;
  readonly leases: Leases;
  readonly ends: TaskEnds;
  readonly now: () => number;
}

interface Held {
  readonly response: TokenResponse;
  readonly receivedAt: number;
  /** From here on another one is asked for, while this one is still given out. */
  readonly staleAt: number;
  /** From here on callers wait for the other one. */
  readonly waitAt: number;
  readonly endsAt: number;
  /** It came in place of one that the tool had refused. */
  readonly replaces: boolean;
}

export class Holding {
  readonly #broker: MayflyClient;
  readonly #asked: ExchangeRequest;
  readonly #leases: Leases;
  readonly #ends: TaskEnds;
  readonly #now: () => number;
  readonly #setback: Setback;
  #held: Held | undefined;
  /** The one request that is under way. */
  #flight: Promise<Held> | undefined;
  #isRenewable = true;
  /** The last credential was good once: each caller needs one of its own. */
  #isSingleUse = false;
  readonly #claimed = new WeakSet<Held>();
  #isReplacing = false;
  /** The last lease that a tool did not take. */
  #dropped: string | undefined;

  constructor(asked: ExchangeRequest, { broker, leases, ends, now }: HoldingParts) {
    this.#broker = broker;
    this.#asked = asked;
    this.#leases = leases;
    this.#ends = ends;
    this.#now = now;
    this.#setback = new Setback(now);
  }

  /** With `expires_in` as of now. The signal ends this caller's waiting, and nobody else's. */
  async credential(signal?: AbortSignal): Promise<TokenResponse> {
    signal?.throwIfAborted();
    this.#leases.check();
    this.#ends.check(this.#asked.task_id);
    const held = this.#held;
    if (held && this.#now() < held.staleAt) return this.#shown(held);
    const standing = this.#setback.standing;
    if (standing) return this.#stillGood(standing);
    if (this.#isSingleUse) return this.#shown(await unless(signal, this.#fetched()));
    const flight = (this.#flight ??= this.#launched());
    if (held && this.#now() < held.waitAt) return this.#shown(held);
    try {
      const fresh = await unless(signal, flight);
      // Good once: whoever comes first has it.
      return fresh.response.single_use && !this.#claim(fresh)
        ? await this.credential(signal)
        : this.#shown(fresh);
    } catch (error) {
      signal?.throwIfAborted();
      return this.#stillGood(error);
    }
  }

  /** There is nothing that would be lost with it. */
  get isIdle(): boolean {
    const lives = this.#held !== undefined && this.#now() < this.#held.endsAt;
    return !lives && !this.#flight && !this.#setback.standing;
  }

  /**
   * The tool said that this one is not valid: nobody gets it again.
   *
   * @returns whether another one may be tried
   */
  drop(credential: string): boolean {
    const held = this.#held;
    if (held?.response.access_token !== credential) return true;
    // What refuses whatever it is shown would make us take lease after lease.
    if (held.replaces && this.#now() - held.receivedAt < PROBATION_MS) return false;
    this.#held = undefined;
    this.#isReplacing = true;
    this.#dropped = held.response.lease_id;
    void this.#leases.release(held.response.lease_id);
    return true;
  }

  #claim(held: Held): boolean {
    if (this.#claimed.has(held)) return false;
    this.#claimed.add(held);
    return true;
  }

  /** A credential that lives is better than none, whatever became of the next one. */
  #stillGood(error: unknown): TokenResponse {
    const held = this.#held;
    if (held && this.#now() < held.endsAt) return this.#shown(held);
    throw error;
  }

  #shown({ response, endsAt }: Held): TokenResponse {
    return { ...response, expires_in: Math.max(0, Math.floor((endsAt - this.#now()) / 1000)) };
  }

  #launched(): Promise<Held> {
    const flight = this.#fetched().finally(() => (this.#flight = undefined));
    // Whoever waited may have left.
    flight.catch(() => {});
    return flight;
  }

  async #fetched(): Promise<Held> {
    try {
      const renewed = await this.#renewed();
      // Dropped while it was being renewed, its lease is dead.
      const isGood = renewed && renewed.response.lease_id !== this.#dropped;
      const { response, endsAt } = isGood ? renewed : await this.#exchanged();
      this.#setback.clear();
      return this.#take(response, endsAt);
    } catch (error) {
      if (!(error instanceof MayflyError)) throw error;
      const told = await this.#ends.understood(this.#asked.task_id, error);
      if (told.code === 'ERR_TASK_OVER') this.#held = undefined;
      else this.#setback.note(told);
      throw told;
    }
  }

  #exchanged(): Promise<Taken> {
    return this.#leases.take(() => this.#broker.exchange(this.#asked));
  }

  /** Undefined where there is nothing to renew, the tool does not allow it, or the lease has ended. */
  async #renewed(): Promise<Taken | undefined> {
    const held = this.#held;
    if (!held || !this.#isRenewable || this.#now() >= held.endsAt) return undefined;
    const { requested_expiry: expiry } = this.#asked;
    const again = expiry === undefined ? {} : { requested_expiry: expiry };
    try {
      return await this.#leases.take(() => this.#broker.renewLease(held.response.lease_id, again));
    } catch (error) {
      if (!(error instanceof MayflyError)) throw error;
      if (error.problem === 'not-renewable') this.#isRenewable = false;
      else if (error.problem === 'lease-ended' || error.code === 'ERR_NOT_FOUND') this.#held = undefined;
      else throw error;
      return undefined;
    }
  }

  #take(response: TokenResponse, endsAt: number): Held {
    const receivedAt = this.#now();
    const marginMs = Math.min((endsAt - receivedAt) / 10, LONGEST_MARGIN_MS);
    const held: Held = {
      response,
      receivedAt,
      // Agents that began together do not come back together.
      staleAt: Math.max(receivedAt + LEAST_USE_MS, endsAt - marginMs * (1 + Math.random() / 2)),
      waitAt: endsAt - marginMs / 2,
      endsAt,
      replaces: this.#isReplacing,
    };
    this.#isReplacing = false;
    this.#ends.took(this.#asked.task_id, response.lease_id);
    this.#isSingleUse = response.single_use === true;
    this.#held = this.#isSingleUse ? undefined : held;
    return held;
  }
}

/** What the promise brings, or the signal's reason where that comes first. The promise goes on. */
function unless<Value>(signal: AbortSignal | undefined, promise: Promise<Value>): Promise<Value> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    // One that many callers share would have a listener for each, of which Node warns.
    const own = AbortSignal.any([signal]);
    const leave = (): void => reject(signal.reason as Error);
    own.addEventListener('abort', leave, { once: true });
    const stay = (): void => own.removeEventListener('abort', leave);
    promise.finally(stay).then(resolve, reject);
  });
}
