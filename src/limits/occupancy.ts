// How many of something live at a time for each name: leases of a task, of an agent; open tasks of an orchestrator.
import type { Tally } from '../store/store.js';
import { Ends } from './ends.js';

/** A broker that refuses looks again after so long at the latest, since others may have ended what it counts. */
const LOOK_AGAIN_MS = 1000;
/** And no sooner than this, however much is ended meanwhile. */
const LOOK_AT_MOST_EVERY_MS = 50;
const MOST_NAMES = 20_000;
/** Between the store's word and ours some time passes: what has no more than this left may be over by now. */
const ABOUT_OVER_MS = 1000;
/** Of the store's time no more than this part goes into looking for one name. */
const LOOKING_PART = 1 / 20;
/** Of many who wait for one look at the store some may have to wait for the next. */
const MOST_LOOKS = 8;

/** What may come to be: to be given up, or to be told for how long it will last. */
export interface Place {
  taken(lifeMs: number): void;
  free(): void;
}

/** There is no place; perhaps there is one after so long. */
export interface Full {
  readonly retryAfterMs: number;
}

/** Asks the store how many there are, and to stop counting at `most`. */
export type Look = (most: number) => Promise<Tally>;

const ANYWHERE: Place = { taken: () => {}, free: () => {} };

/** Counted as pending until it is given up or taken, whichever comes first. */
class PlaceOf implements Place {
  readonly #holder: Holder;
  readonly #monotonic: () => number;
  #open = true;

  constructor(holder: Holder, monotonic: () => number) {
    this.#holder = holder;
    this.#monotonic = monotonic;
    holder.unasked--;
    holder.pending++;
  }

  taken(lifeMs: number): void {
    if (!this.#leave()) return;
    this.#holder.came++;
    this.#holder.ends.add(this.#monotonic(), lifeMs);
  }

  free(): void {
    if (this.#leave()) this.#holder.unasked++;
  }

  #leave(): boolean {
    if (!this.#open) return false;
    this.#open = false;
    this.#holder.pending--;
    return true;
  }
}

export interface OccupancyOptions {
  /** No other broker works on this store: what we do not know of is not there, once we have looked. */
  readonly alone: boolean;
  /** Milliseconds that never go back: what the wall clock does concerns no limit. */
  readonly monotonic: () => number;
}

interface Holder {
  readonly ends: Ends;
  /** What the store told of, and we did not see begin. */
  unseen: number;
  /** What has a place and is not there yet. */
  pending: number;
  /** How many came to be here. */
  came: number;
  /** How many more may come before the store is asked. */
  unasked: number;
  lookedAt: number;
  lookTookMs: number;
  endingsThen: number;
  looking: Promise<void> | undefined;
}

/**
 * Keeps, for each name, a number that is never smaller than what is there, as far as this broker has seen it begin and
 * end; and asks the store where that number is too large to go on by. On the path of an issuance that is a look into a
 * map. Exact where the broker is alone. Where there are several, each lets at most a quarter of what is left pass
 * between two looks at the store, and at least a hundredth of the limit.
 */
export class Occupancy {
  readonly #options: OccupancyOptions;
  readonly #holders = new Map<string, Holder>();
  /** Grows whenever something was ended before its time, here or at another broker. */
  #endings = 0;
  #forgotAt: number;
  #most: number | undefined;

  constructor(options: OccupancyOptions) {
    this.#options = options;
    this.#forgotAt = options.monotonic();
  }

  /** How many may be there at a time; undefined: any number, and nothing is counted. */
  set most(most: number | undefined) {
    // What came to be while nobody counted is not known.
    if (this.#most === undefined) this.#forgetAll();
    this.#most = most;
  }

  get size(): number {
    return this.#holders.size;
  }

  /**
   * A place, or none. At once where nothing has to be asked. `age`: for how many milliseconds there has been such a
   * name at all; one that came after us has nothing that we do not know.
   */
  enter(name: string, look: Look, age = Infinity): Place | Full | Promise<Place | Full> {
    if (this.#most === undefined) return ANYWHERE;
    const now = this.#options.monotonic();
    const holder = this.#holders.get(name) ?? this.#begin(name, now, age, this.#most);
    return this.#place(holder, now, this.#most) ?? this.#enterAsking(holder, look);
  }

  /** One of the name's has ended, `leftMs` before its time. */
  left(name: string, leftMs: number): void {
    const holder = this.#holders.get(name);
    // It may be over here already, and then another one's entry would go in its place.
    if (!holder || leftMs <= ABOUT_OVER_MS) return;
    if (holder.ends.count(this.#options.monotonic()) > 0) holder.ends.drop(1);
    else if (holder.unseen > 0) holder.unseen--;
  }

  /** One of the name's, which would have lived for `leftMs`, lives for `lifeMs` from now. */
  prolonged(name: string, leftMs: number, lifeMs: number): void {
    const now = this.#options.monotonic();
    const holder = this.#holders.get(name);
    if (!holder) return;
    const isCounted = leftMs > ABOUT_OVER_MS;
    // Where none has an end, it is among those of which we know none.
    if (isCounted && holder.ends.count(now) === 0) return;
    if (isCounted) holder.ends.drop(1);
    holder.ends.add(now, Math.max(leftMs, lifeMs));
  }

  /** Something has ended, and nobody says of whom: whoever is refused may ask anew. */
  somethingEnded(): void {
    this.#endings++;
  }

  #begin(name: string, now: number, age: number, most: number): Holder {
    if (this.#holders.size >= MOST_NAMES) this.#forget(now);
    const { alone } = this.#options;
    // Below nothing where the wall clock went back: then nobody knows which of us was there first.
    const known = alone && age >= 0 && now - age > this.#forgotAt;
    const holder: Holder = {
      ends: new Ends(),
      unseen: 0,
      pending: 0,
      came: 0,
      unasked: known ? Infinity : alone ? 0 : share(0, most),
      lookedAt: -Infinity,
      lookTookMs: 0,
      endingsThen: this.#endings,
      looking: undefined,
    };
    this.#holders.set(name, holder);
    return holder;
  }

  #forgetAll(): void {
    this.#holders.clear();
    this.#forgotAt = this.#options.monotonic();
  }

  /** Whatever has nothing any more goes; then the eldest, of which the store has to be asked when they come back. */
  #forget(now: number): void {
    for (const [name, holder] of this.#holders)
      if (held(holder, now) === 0 && !holder.looking) this.#holders.delete(name);
    for (const [name, { pending, looking }] of this.#holders) {
      if (this.#holders.size < (MOST_NAMES * 3) / 4) break;
      if (pending > 0 || looking) continue;
      this.#holders.delete(name);
      this.#forgotAt = now;
    }
  }

  #place(holder: Holder, now: number, most: number): Place | undefined {
    const isRoom = holder.unasked >= 1 && held(holder, now) < most;
    return isRoom ? new PlaceOf(holder, this.#options.monotonic) : undefined;
  }

  async #enterAsking(holder: Holder, look: Look): Promise<Place | Full> {
    const { monotonic } = this.#options;
    for (let looks = 0; looks < MOST_LOOKS; looks++) {
      if (this.#most === undefined) return ANYWHERE;
      if (!holder.looking && !this.#mayLook(holder, monotonic(), this.#most)) break;
      await (holder.looking ??= this.#look(holder, look, this.#most).finally(
        () => (holder.looking = undefined),
      ));
      const place = this.#place(holder, monotonic(), this.#most ?? Infinity);
      if (place) return place;
    }
    const now = monotonic();
    const most = this.#most ?? Infinity;
    const lookAgainMs = Math.max(0, holder.lookedAt + Math.max(LOOK_AGAIN_MS, restMs(holder)) - now);
    const nextEndMs = holder.unseen + holder.pending >= most ? 0 : (holder.ends.next ?? now) - now;
    return { retryAfterMs: Math.max(lookAgainMs, nextEndMs) };
  }

  #mayLook(holder: Holder, now: number, most: number): boolean {
    // There is room, as far as we know: it is the others that have to be asked for.
    if (held(holder, now) < most) return true;
    const since = now - holder.lookedAt;
    const mayBeFewer = holder.endingsThen !== this.#endings;
    return since >= Math.max(mayBeFewer ? LOOK_AT_MOST_EVERY_MS : LOOK_AGAIN_MS, restMs(holder));
  }

  async #look(holder: Holder, look: Look, most: number): Promise<void> {
    const { monotonic, alone } = this.#options;
    const came = holder.came;
    holder.endingsThen = this.#endings;
    holder.lookedAt = monotonic();
    const { count, atLeast } = await look(most);
    holder.lookTookMs = monotonic() - holder.lookedAt;
    // What came while the store was counting may be in its answer or not.
    const there = count + holder.came - came;
    const known = holder.ends.count(monotonic()) + holder.unseen;
    if (there > known) holder.unseen += there - known;
    else if (!atLeast) holder.unseen -= known - there - holder.ends.drop(known - there);
    holder.unasked = alone ? Infinity : share(there, most);
  }
}

/** How many may come before the store is asked once more, where others may be at it, too. */
function share(there: number, most: number): number {
  const left = most - there;
  return Math.min(left, Math.max(Math.ceil(left / 4), Math.ceil(most / 100)));
}

const restMs = ({ lookTookMs }: Holder): number => lookTookMs / LOOKING_PART;

const held = ({ ends, unseen, pending }: Holder, now: number): number => ends.count(now) + unseen + pending;
