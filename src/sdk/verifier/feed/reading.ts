// One connection's stream: what it says counts at once, and is borne out, or not, by what is signed.
import { chained, type FeedEntry } from '../../../domain/feed.js';
import type { Moment } from '../time/elapsed.js';
import type { StreamEvent } from './event-stream.js';
import type { Knowledge } from './knowledge.js';
import type { Heartbeat, MessageTerms, SnapshotPart, Standing } from './message.js';
import { readMessage } from './message.js';
import { entriesIn } from './union.js';

interface Change {
  readonly version: number;
  readonly entries: readonly FeedEntry[];
}

export type Heard =
  | { readonly kind: 'change'; readonly change: Change | undefined; readonly data: string }
  | { readonly kind: 'snapshot' | 'heartbeat' | 'end'; readonly data: string }
  | { readonly kind: 'unknown' };

export type Step =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'part' }
  | { readonly kind: 'snapshot'; readonly resumed: boolean; readonly agrees: boolean }
  | {
      readonly kind: 'heartbeat';
      /** How many changes it bore out. */
      readonly changes: number;
      readonly agrees: boolean;
      readonly heartbeat: Heartbeat;
    }
  | { readonly kind: 'end'; readonly reason: string }
  /** Something was lost, altered, or never the broker's: all is to be read anew. */
  | { readonly kind: 'odd'; readonly reason: string };

/** That nobody bore out yet. */
const MOST_UNPROVEN = 500_000;
const END_REASONS: ReadonlySet<string> = new Set([
  'slow',
  'token_expired',
  'trust_changed',
  'shutting_down',
  'resync',
]);

const odd = (reason: string): Step => ({ kind: 'odd', reason });

export class Reading {
  readonly #knowledge: Knowledge;
  readonly #terms: MessageTerms;
  /** Before the stream was asked for. */
  readonly #asked: Moment;
  #parts: SnapshotPart[] = [];
  #standing: { feed: string; epoch: string; version: number; chain: string } | undefined;
  /** Heard, and not borne out yet. */
  readonly #unproven: Change[] = [];
  /** How many of them, from the first on, had their turn: a heartbeat bears out those alone. */
  #counted = 0;
  #unprovenEntries = 0;

  constructor(knowledge: Knowledge, terms: MessageTerms, asked: Moment) {
    this.#knowledge = knowledge;
    this.#terms = terms;
    this.#asked = asked;
  }

  /** As soon as it has come, whatever waits before it: a change can only take away. */
  hear({ event, data }: StreamEvent): Heard {
    if (event === 'snapshot' || event === 'heartbeat' || event === 'end') return { kind: event, data };
    if (event !== 'change') return { kind: 'unknown' };
    const change = changeIn(data);
    if (change && this.#unprovenEntries <= MOST_UNPROVEN) {
      const { union, time } = this.#knowledge;
      union.claim(change.entries, time.now());
      this.#unproven.push(change);
      this.#unprovenEntries += change.entries.length;
    }
    return { kind: 'change', change, data };
  }

  /** One after the other, in the order in which they were heard. */
  async take(heard: Heard): Promise<Step> {
    switch (heard.kind) {
      case 'change':
        return this.#count(heard.change, heard.data);
      case 'snapshot':
      case 'heartbeat': {
        const message = await readMessage(heard.data, this.#terms);
        if (message?.kind === 'foreign') return odd(otherIssuer(message.issuer, this.#terms.issuer));
        if (message?.kind !== heard.kind) return odd(`a ${heard.kind} that the broker did not sign`);
        if (this.#knowledge.isPast(message.epoch)) return odd('of a store that was left behind');
        return message.kind === 'snapshot' ? this.#collect(message) : this.#bearOut(message);
      }
      case 'end':
        return { kind: 'end', reason: endReason(heard.data) };
      case 'unknown':
        return { kind: 'nothing' };
    }
  }

  #count(change: Change | undefined, data: string): Step {
    if (!this.#standing) return odd('a change before the snapshot');
    if (!change) return odd('a change that cannot be read');
    if (this.#unprovenEntries > MOST_UNPROVEN) return odd('changes without end');
    if (change.version !== this.#standing.version + 1) return odd('a change is missing');
    this.#counted++;
    this.#standing.version = change.version;
    this.#standing.chain = chained(this.#standing.chain, data);
    return { kind: 'nothing' };
  }

  #collect(part: SnapshotPart): Step {
    if (this.#standing) return odd('a second snapshot');
    const first = this.#parts[0] ?? part;
    const same =
      part.feed === first.feed &&
      part.epoch === first.epoch &&
      part.version === first.version &&
      part.chain === first.chain &&
      part.asOf === first.asOf &&
      part.parts === first.parts &&
      part.since === first.since;
    if (!same || this.#parts.some((known) => known.part === part.part)) return odd('parts of two snapshots');
    this.#parts.push(part);
    return this.#parts.length < part.parts ? { kind: 'part' } : this.#complete(first);
  }

  #complete(first: SnapshotPart): Step {
    const { feed, epoch, version, chain, since } = first;
    if (since !== undefined && !this.#knowledge.reaches(epoch, since)) return odd('it begins too late');
    const { union } = this.#knowledge;
    const killed = new Set(this.#parts.flatMap(({ entries }) => entries.map(([digest]) => digest)));
    const isKilled = ({ keyDigest }: SnapshotPart): boolean =>
      killed.has(keyDigest) || union.provenToKill(keyDigest);
    if (this.#parts.some(isKilled)) return odd('signed by a key that was revoked');
    for (const { entries } of this.#parts) union.prove(entries);
    this.#standing = { feed, epoch, version, chain };
    this.#parts = [];
    const agrees = this.#learn(first);
    return { kind: 'snapshot', resumed: since !== undefined, agrees };
  }

  #bearOut(heartbeat: Heartbeat): Step {
    const standing = this.#standing;
    if (!standing) return odd('a heartbeat before the snapshot');
    if (heartbeat.feed !== standing.feed || heartbeat.epoch !== standing.epoch) return odd('of another feed');
    if (heartbeat.version !== standing.version || heartbeat.chain !== standing.chain)
      return odd('a change was lost or altered');
    const { union } = this.#knowledge;
    if (union.kills([heartbeat.keyDigest], 0)) return odd('signed by a key that was revoked');
    const borneOut = this.#unproven.splice(0, this.#counted);
    this.#counted = 0;
    if (borneOut.length > 0) {
      for (const { entries } of borneOut) union.prove(entries);
      this.#unprovenEntries = this.#unproven.reduce((sum, { entries }) => sum + entries.length, 0);
    }
    const agrees = this.#learn(heartbeat);
    return { kind: 'heartbeat', changes: borneOut.length, agrees, heartbeat };
  }

  #learn(standing: Standing): boolean {
    const { union, time } = this.#knowledge;
    const agrees = this.#knowledge.proven(standing, this.#asked);
    union.takeBack(standing.asOf, time.now());
    return agrees;
  }
}

function changeIn(data: string): Change | undefined {
  try {
    const said = JSON.parse(data) as { version?: unknown; entries?: unknown } | null;
    const version = said?.version;
    const entries = entriesIn(said?.entries);
    return entries && Number.isSafeInteger(version) ? { version: version as number, entries } : undefined;
  } catch {
    return undefined;
  }
}

/** Most often one broker by two names, as `localhost` and `127.0.0.1`. */
const otherIssuer = (said: string, expected: string): string =>
  `the broker calls itself ${JSON.stringify(said.slice(0, 200))}, and not ${JSON.stringify(expected)}: that is for the option issuer`;

/** Unsigned: shown only if it is one of those that a broker gives. */
function endReason(data: string): string {
  try {
    const { reason } = JSON.parse(data) as { reason?: unknown };
    return typeof reason === 'string' && END_REASONS.has(reason) ? reason : 'unknown';
  } catch {
    return 'unknown';
  }
}
