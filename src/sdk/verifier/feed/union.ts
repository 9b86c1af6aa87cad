// All kills that were heard of and could still concern something alive: it grows, and forgets only what is moot.
import type { FeedEntry } from '../../../domain/feed.js';

interface Kill {
  /** Kills what was issued at or before this store time. */
  readonly cutoff: number;
  readonly mootAt: number;
}

interface Claim extends Kill {
  /** No later than this was it in the store, if it is true; Infinity where nobody had told the time. */
  readonly heardBy: number;
}

const DIGEST = /^[\w-]{22}$/;

/** Undefined where something in it is no entry. */
export function entriesIn(value: unknown): readonly FeedEntry[] | undefined {
  return Array.isArray(value) && value.every(isEntry) ? value : undefined;
}

function isEntry(value: unknown): value is FeedEntry {
  if (!Array.isArray(value) || value.length !== 3) return false;
  const [digest, cutoff, mootAt] = value as unknown[];
  return (
    typeof digest === 'string' &&
    DIGEST.test(digest) &&
    (cutoff === null || Number.isSafeInteger(cutoff)) &&
    Number.isSafeInteger(mootAt)
  );
}

export class Union {
  /** Signed, or borne out by what was. */
  readonly #proven = new Map<string, Kill>();
  /** Said by a stream since. It kills at once, and can be taken back. */
  readonly #claimed = new Map<string, Claim>();
  #generation = 0;

  /** Another number whenever there was something to add. */
  get generation(): number {
    return this.#generation;
  }

  get size(): number {
    return this.#proven.size + this.#claimed.size;
  }

  prove(entries: readonly FeedEntry[]): void {
    for (const entry of entries) {
      const [digest] = entry;
      const known = this.#proven.get(digest);
      if (!known || addsTo(known, entry)) this.#set(this.#proven, digest, joined(known, entry));
      const claim = this.#claimed.get(digest);
      if (claim && !addsTo(this.#proven.get(digest)!, [digest, claim.cutoff, claim.mootAt]))
        this.#claimed.delete(digest);
    }
  }

  /** @param heardBy the store's time at the most */
  claim(entries: readonly FeedEntry[], heardBy: number): void {
    for (const entry of entries) {
      const [digest] = entry;
      this.#set(this.#claimed, digest, { ...joined(this.#claimed.get(digest), entry), heardBy });
    }
  }

  /**
   * All that was committed before `asOf` is proven: what was claimed by then, and is not among it, was never true. What
   * came later is kept, whoever said it: the broker that is read now may not have heard of it yet.
   *
   * @param now the store's time at the most
   */
  takeBack(asOf: number, now: number): void {
    for (const [digest, claim] of this.#claimed) {
      if (claim.heardBy < asOf) this.#claimed.delete(digest);
      else if (claim.heardBy === Infinity) this.#claimed.set(digest, { ...claim, heardBy: now });
    }
  }

  /** Whether something that these selectors name, issued at this store time, is dead. */
  kills(digests: readonly string[], issuedAt: number): boolean {
    for (const digest of digests) {
      if (killsBy(this.#proven, digest, issuedAt)) return true;
      if (this.#claimed.size > 0 && killsBy(this.#claimed, digest, issuedAt)) return true;
    }
    return false;
  }

  /** Whether what was proven, alone, kills it: who can write into the stream must not choose which signatures we believe. */
  provenToKill(digest: string): boolean {
    return this.#proven.has(digest);
  }

  /** @param storeTime that the store's has come to for certain: a bound from above would forget too early */
  prune(storeTime: number): void {
    for (const kills of [this.#proven, this.#claimed]) {
      for (const [digest, { mootAt }] of kills) if (mootAt <= storeTime) kills.delete(digest);
    }
  }

  #set<Known extends Kill>(kills: Map<string, Known>, digest: string, kill: Known): void {
    kills.set(digest, kill);
    this.#generation++;
  }
}

const addsTo = ({ cutoff, mootAt }: Kill, [, until, moot]: FeedEntry): boolean =>
  cutoff < (until ?? Infinity) || mootAt < moot;

/** Both times grow: what a later kill leaves alone was spared by the earlier one as well. */
const joined = (known: Kill | undefined, [, until, mootAt]: FeedEntry): Kill => ({
  cutoff: Math.max(until ?? Infinity, known?.cutoff ?? 0),
  mootAt: Math.max(mootAt, known?.mootAt ?? 0),
});

function killsBy(kills: ReadonlyMap<string, Kill>, digest: string, issuedAt: number): boolean {
  const kill = kills.get(digest);
  return kill !== undefined && issuedAt <= kill.cutoff;
}
