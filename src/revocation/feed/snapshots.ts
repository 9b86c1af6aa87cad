// Signed snapshots of the feed, made once for all who ask within a moment of each other.
import type { FeedEntry } from '../../domain/feed.js';
import { HOUR_MS, MINUTE_MS } from '../../domain/duration.js';
import type { KeyRing } from '../../keys/key-ring.js';
import type { Position } from './message.js';
import { eventId, signed, signedEvent } from './message.js';
import type { Mirror } from './mirror.js';

/** For so long one is handed out as it was made, with the changes that came after it. */
const GOOD_FOR_MS = 250;
const MOST_CHANGES_AFTER = 256;
/** A line that any reader can take in one piece: some 300 KB. */
const ENTRIES_PER_PART = 4000;
/** By how much the clocks of a store may disagree: one that has run away is followed for a minute. */
const MARGIN_MS = MINUTE_MS + 10_000;
/** Whoever was away for longer gets everything: it is hardly more. */
const LONGEST_GAP_MS = HOUR_MS;
const MOST_KEPT = 16;

export interface Snapshot {
  readonly position: Position;
  /** One signed message for each part. */
  readonly tokens: readonly string[];
  /** The same as events of the stream. */
  readonly frame: Buffer;
  /** Changes that came after it. */
  readonly later: Buffer[];
}

interface SnapshotTerms {
  readonly issuer: string;
  readonly keys: KeyRing;
}

export class Snapshots {
  readonly #terms: SnapshotTerms;
  readonly #mirror: Mirror;
  readonly #monotonic: () => number;
  /** By what they begin with: the gap's beginning, or nothing. */
  readonly #kept = new Map<number | undefined, { readonly madeAt: number; readonly snapshot: Snapshot }>();

  constructor(terms: SnapshotTerms, mirror: Mirror, monotonic: () => number) {
    this.#terms = terms;
    this.#mirror = mirror;
    this.#monotonic = monotonic;
  }

  /** Everything in force. `position`: where the mirror stands now. */
  whole(position: Position): Snapshot {
    return this.#keptOrMade(undefined, position, () => this.#mirror.all());
  }

  /** What whoever knew all as of `asOf` may lack; everything, where that is too long ago. */
  since(asOf: number, position: Position): Snapshot {
    if (position.as_of - asOf > LONGEST_GAP_MS) return this.whole(position);
    return this.#keptOrMade(asOf, position, () => this.#mirror.since(asOf, MARGIN_MS));
  }

  /** A change that was just sent. */
  follow(change: Buffer): void {
    for (const [since, { snapshot }] of this.#kept)
      if (snapshot.later.push(change) > MOST_CHANGES_AFTER) this.#kept.delete(since);
  }

  #keptOrMade(since: number | undefined, position: Position, entries: () => FeedEntry[]): Snapshot {
    const madeAt = this.#monotonic();
    for (const [key, kept] of this.#kept) if (madeAt - kept.madeAt > GOOD_FOR_MS) this.#kept.delete(key);
    const kept = this.#kept.get(since);
    if (kept?.snapshot.position.epoch === position.epoch) return kept.snapshot;
    const snapshot = this.#make(since, position, entries());
    // The whole one costs most, and those who come back from many places must not crowd it out.
    if (since === undefined || this.#kept.size < MOST_KEPT) this.#kept.set(since, { madeAt, snapshot });
    return snapshot;
  }

  #make(since: number | undefined, given: Position, entries: readonly FeedEntry[]): Snapshot {
    // It may be handed out until then, and must not say that it was earlier than it was.
    const position = { ...given, now: given.now + GOOD_FOR_MS };
    const parts = Math.max(1, Math.ceil(entries.length / ENTRIES_PER_PART));
    const { keys, issuer } = this.#terms;
    const tokens = Array.from({ length: parts }, (_, at) =>
      signed(keys, issuer, {
        ...position,
        kind: 'snapshot',
        part: at + 1,
        parts,
        ...(since !== undefined && { since }),
        entries: entries.slice(at * ENTRIES_PER_PART, (at + 1) * ENTRIES_PER_PART),
      }),
    );
    const id = eventId(position);
    const frame = Buffer.from(tokens.map((token) => signedEvent('snapshot', id, token)).join(''));
    return { position, tokens, frame, later: [] };
  }
}
