// The lanes to the targets of external credentials, one for each tool: what one target does, or fails to do, keeps no other waiting.
import type { Clock } from '../domain/clock.js';
import { MINUTE_MS, SECOND_MS } from '../domain/duration.js';
import { Refusal } from '../domain/refusal.js';
import { answerWithin } from './answer-within.js';
import { Breaker } from './breaker.js';
import type { PlaceTerms } from './places.js';
import { Places } from './places.js';

/** A kill that waits and is then tried for as long as it may be still has its loan: see `sweeper.ts`. */
const KILLS: PlaceTerms = { most: 32, mostWaiting: 256, waitMs: 3 * SECOND_MS };
/** Places of their own: however many mints hang, a kill finds room. */
const MINTS: PlaceTerms = { most: 32, mostWaiting: 128, waitMs: 2 * SECOND_MS };

/** A kill that finds no place is put off for at least so long; where nothing moves, for as long as that has been so. */
const LEAST_PAUSE_MS = SECOND_MS / 2;
const LONGEST_PAUSE_MS = 30 * SECOND_MS;
/** Those that are put off come back at such distances, */
const BACK_EVERY_MS = 1;
/** but however many they are, each after so long. */
const LONGEST_PUT_OFF_MS = 5 * MINUTE_MS;
const MINT_AGAIN_MS = SECOND_MS;

/** A place at a target, for one attempt. */
export interface LanePlace {
  /**
   * Does it, and remembers what came of it.
   *
   * @throws what it throws; Error where there is no answer in time
   */
  work<Answer>(lease: string, withinMs: number, begin: () => Promise<Answer>): Promise<Answer>;
  /** Gives the place to somebody else. After `work`, or instead of it. */
  leave(): void;
}

/** There is no place for a kill now. */
export class PutOff {
  readonly retryAfterMs: number;

  constructor(retryAfterMs: number) {
    this.retryAfterMs = retryAfterMs;
  }
}

export interface TargetsOptions {
  readonly clock: Clock;
  readonly log: { warn(facts: object, message: string): void };
  readonly random?: () => number;
  readonly kills?: Partial<PlaceTerms>;
  readonly mints?: Partial<PlaceTerms>;
}

export class Targets {
  readonly #options: TargetsOptions;
  readonly #lanes = new Map<string, Lane>();

  constructor(options: TargetsOptions) {
    this.#options = options;
  }

  /** A place to kill a credential of the tool, now or after a short wait. */
  placeForKill(tool: string): LanePlace | PutOff | Promise<LanePlace | PutOff> {
    return this.#lane(tool).placeForKill();
  }

  /** A place to mint one. Refused where the target is known not to answer: whoever asks is told when to come again. */
  placeForMint(tool: string): LanePlace | Refusal | Promise<LanePlace | Refusal> {
    return this.#lane(tool).placeForMint();
  }

  /** The tools whose targets nothing is asked of now, because they failed again and again. */
  get shut(): readonly string[] {
    return [...this.#lanes].filter(([, lane]) => lane.isShut).map(([tool]) => tool);
  }

  #lane(tool: string): Lane {
    let lane = this.#lanes.get(tool);
    if (!lane) this.#lanes.set(tool, (lane = new Lane(tool, this.#options)));
    return lane;
  }
}

/*
 * Kills come before mints:
 *
 * 1. Each has places of its own, and a breaker of its own: an agent that makes mints fail again and again, by what it
 *    asks for, must not hold back a kill by it.
 * 2. Nothing is minted at a target that does not let go of what it has: a kill that opens its breaker shuts out mints.
 * 3. A mint that comes through where kills failed opens the way for them; one that fails says nothing about kills.
 */
class Lane {
  readonly #tool: string;
  readonly #options: TargetsOptions;
  readonly #killPlaces: Places;
  readonly #mintPlaces: Places;
  readonly #kills: Breaker;
  readonly #mints: Breaker;
  /** Whether a mint is under way that may open the way for kills. */
  #mintTries = false;
  /** When an attempt to kill last came to an end, or the first began. */
  #movedAt: number;
  /** When the one that was put off last comes back. */
  #backAt = 0;

  constructor(tool: string, options: TargetsOptions) {
    this.#tool = tool;
    this.#options = options;
    this.#killPlaces = new Places({ ...KILLS, ...options.kills });
    this.#mintPlaces = new Places({ ...MINTS, ...options.mints });
    this.#kills = new Breaker(this.#random);
    this.#mints = new Breaker(this.#random);
    this.#movedAt = options.clock.now();
  }

  get isShut(): boolean {
    return !(this.#kills.isClosed && this.#mints.isClosed);
  }

  get #now(): number {
    return this.#options.clock.now();
  }

  get #random(): () => number {
    return this.#options.random ?? Math.random;
  }

  placeForKill(): LanePlace | PutOff | Promise<LanePlace | PutOff> {
    const shutForMs = this.#kills.shutFor(this.#now);
    if (shutForMs > 0) return this.#putOff(shutForMs);
    if (this.#killPlaces.areEmpty) this.#movedAt = this.#now;
    const got = this.#killPlaces.take();
    return got instanceof Promise ? got.then((late) => this.#killPlace(late)) : this.#killPlace(got);
  }

  #killPlace(got: boolean): LanePlace | PutOff {
    // It may have opened while this one waited.
    const shutForMs = this.#kills.shutFor(this.#now);
    if (!got || shutForMs > 0) {
      if (got) this.#killPlaces.free();
      return this.#putOff(shutForMs);
    }
    const isTry = this.#kills.begin();
    return new Place({
      places: this.#killPlaces,
      succeeded: () => {
        this.#movedAt = this.#now;
        this.#opened(this.#kills);
      },
      failed: (lease, error) => {
        this.#movedAt = this.#now;
        if (!this.#kills.failed(lease, isTry, this.#now)) return;
        this.#killPlaces.sendAway();
        this.#mintPlaces.sendAway();
        this.#tell(error);
      },
      leftUndone: () => isTry && this.#kills.giveBack(),
    });
  }

  /**
   * One after the other, and with chance beside that: however many are put off together, they do not come back together,
   * and the store is not kept busy by those that wait for one target.
   */
  #putOff(shutForMs: number): PutOff {
    const now = this.#now;
    const pauseMs = Math.min(Math.max(LEAST_PAUSE_MS, now - this.#movedAt), LONGEST_PAUSE_MS);
    this.#backAt = Math.max(this.#backAt + BACK_EVERY_MS, now + (shutForMs > 0 ? shutForMs : pauseMs));
    const chanceMs = Math.round(LEAST_PAUSE_MS * this.#random());
    return new PutOff(Math.min(this.#backAt - now, LONGEST_PUT_OFF_MS) + chanceMs);
  }

  placeForMint(): LanePlace | Refusal | Promise<LanePlace | Refusal> {
    const shutForMs = this.#shutForMints();
    if (shutForMs > 0) return this.#refusal(shutForMs);
    const got = this.#mintPlaces.take();
    return got instanceof Promise ? got.then((late) => this.#mintPlace(late)) : this.#mintPlace(got);
  }

  #mintPlace(got: boolean): LanePlace | Refusal {
    const shutForMs = this.#shutForMints();
    if (!got || shutForMs > 0) {
      if (got) this.#mintPlaces.free();
      return this.#refusal(shutForMs);
    }
    const isTry = this.#mints.begin();
    const triesForKills = !this.#kills.isClosed;
    if (triesForKills) this.#mintTries = true;
    const tried = (): void => {
      if (triesForKills) this.#mintTries = false;
    };
    return new Place({
      places: this.#mintPlaces,
      succeeded: () => {
        tried();
        this.#opened(this.#mints);
        if (triesForKills) this.#opened(this.#kills);
      },
      failed: (lease, error) => {
        tried();
        if (!this.#mints.failed(lease, isTry, this.#now)) return;
        this.#mintPlaces.sendAway();
        this.#tell(error);
      },
      leftUndone: () => {
        tried();
        if (isTry) this.#mints.giveBack();
      },
    });
  }

  #shutForMints(): number {
    const now = this.#now;
    const shutForMs = Math.max(this.#kills.shutFor(now), this.#mints.shutFor(now));
    return shutForMs === 0 && this.#mintTries ? MINT_AGAIN_MS : shutForMs;
  }

  #refusal(shutForMs: number): Refusal {
    const why =
      shutForMs > 0
        ? `the target of ${this.#tool} failed again and again`
        : `the target of ${this.#tool} is busy with as many mints as it may be asked for at a time`;
    return new Refusal('target_unavailable', why, [], {
      retryAfterMs: Math.max(shutForMs, MINT_AGAIN_MS),
    });
  }

  #opened(breaker: Breaker): void {
    const wasShut = !breaker.isClosed;
    breaker.succeeded();
    if (wasShut) this.#options.log.warn({ tool: this.#tool }, 'the target of a tool answers again');
  }

  #tell(error: string): void {
    this.#options.log.warn(
      { tool: this.#tool, error },
      'the target of a tool failed again and again: nothing is asked of it for a moment',
    );
  }
}

interface Consequences {
  readonly places: Places;
  succeeded(): void;
  failed(lease: string, error: string): void;
  /** Left without having been used. */
  leftUndone(): void;
}

class Place implements LanePlace {
  readonly #consequences: Consequences;
  #used = false;
  #left = false;

  constructor(consequences: Consequences) {
    this.#consequences = consequences;
  }

  async work<Answer>(lease: string, withinMs: number, begin: () => Promise<Answer>): Promise<Answer> {
    this.#used = true;
    try {
      const answer = await answerWithin(withinMs, begin());
      this.#consequences.succeeded();
      return answer;
    } catch (error) {
      this.#consequences.failed(lease, error instanceof Error ? error.message : String(error));
      throw error;
    } finally {
      this.leave();
    }
  }

  leave(): void {
    if (this.#left) return;
    this.#left = true;
    if (!this.#used) this.#consequences.leftUndone();
    this.#consequences.places.free();
  }
}
