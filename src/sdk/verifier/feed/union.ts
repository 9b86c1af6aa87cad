// All kills that were heard of and could still concern something alive: it grows, and forgets only what is moot.
import type { FeedEntry } from '../../../domain/feed.js';

interface Kill {
  /** Kills what was issued at or before this store time. */
  readonly cutoff: number;
  readonly mootAt: number;
}

type Kills = Map<string, Kill>;

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
  readonly #proven: Kills = new Map();
  /** Said by the stream since. It kills at once, and can be taken back. */
  #claimed: Kills = new Map();
  #generation = 0;

  /** Another number whenever there was something to add. */
  get generation(): number {
    return this.#generation;
  }

  get size(): number {
    return this.#proven.size + this.#claimed.size;
  }

  prove(entries: readonly FeedEntry[]): void {
    this.#add(this.#proven, entries);
  }

  claim(entries: readonly FeedEntry[]): void {
    this.#add(this.#claimed, entries);
  }

  /** In place of all that was claimed and neither proven nor taken back. */
  claimOnly(entries: readonly FeedEntry[]): void {
    this.#claimed = new Map();
    this.claim(entries);
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

  /** Both times grow: what a later kill leaves alone was spared by the earlier one as well. */
  #add(kills: Kills, entries: readonly FeedEntry[]): void {
    for (const [digest, cutoff, mootAt] of entries) {
      const known = kills.get(digest);
      const until = cutoff ?? Infinity;
      if (known && known.cutoff >= until && known.mootAt >= mootAt) continue;
      kills.set(digest, {
        cutoff: Math.max(until, known?.cutoff ?? 0),
        mootAt: Math.max(mootAt, known?.mootAt ?? 0),
      });
      this.#generation++;
    }
  }
}

function killsBy(kills: Kills, digest: string, issuedAt: number): boolean {
  const kill = kills.get(digest);
  return kill !== undefined && issuedAt <= kill.cutoff;
}
