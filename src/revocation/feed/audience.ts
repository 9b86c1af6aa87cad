// Who reads the feed, at this broker and at the others, and what each has said to have applied.
import type { PrincipalName } from '../../domain/ids.js';

/** One stream that is being read. */
export interface Listening {
  readonly id: string;
  readonly principal: PrincipalName;
  /** It knows, and goes by, everything up to this store time: as of its latest acknowledgement; 0 before the first. */
  applied: number;
}

/** Of the verifiers that go by one name. */
export interface Heard {
  readonly principal: string;
  readonly connected: number;
  /** How many go by everything that was committed before the time that was asked for. */
  readonly applied?: number;
  /** What the one that is furthest behind has applied; absent where one has not said anything yet. */
  readonly oldest?: number;
}

/** A broker that has not been heard of for so long, and for so many heartbeats, is gone, or has no streams. */
const PEER_GOOD_FOR_MS = 5000;
const HEARTBEATS_MISSED = 3;
const MOST_PEERS = 64;

type Times = Readonly<Record<string, readonly number[]>>;

export class Audience {
  readonly #elapsed: () => number;
  readonly #peerGoodForMs: number;
  readonly #here = new Map<string, Listening>();
  readonly #peers = new Map<string, { readonly at: number; readonly times: Times }>();

  constructor(elapsed: () => number, heartbeatMs: number) {
    this.#elapsed = elapsed;
    this.#peerGoodForMs = Math.max(PEER_GOOD_FOR_MS, HEARTBEATS_MISSED * heartbeatMs);
  }

  get size(): number {
    return this.#here.size;
  }

  join(listening: Listening): void {
    this.#here.set(listening.id, listening);
  }

  leave(id: string): void {
    this.#here.delete(id);
  }

  /** False where no such stream of this principal is read here. What is older than what it said before says nothing. */
  acknowledge(id: string, principal: string, asOf: number): boolean {
    const listening = this.#here.get(id);
    if (listening?.principal !== principal) return false;
    listening.applied = Math.max(listening.applied, asOf);
    return true;
  }

  /** By name, what each stream here has applied. */
  times(): Times {
    const times: Record<string, number[]> = {};
    for (const { principal, applied } of this.#here.values()) (times[principal] ??= []).push(applied);
    return times;
  }

  hear(peer: string, times: Times): void {
    // A broker that starts anew has another name.
    if (!this.#peers.has(peer) && this.#peers.size >= MOST_PEERS) this.#forgetPeers();
    if (this.#peers.has(peer) || this.#peers.size < MOST_PEERS)
      this.#peers.set(peer, { at: this.#elapsed(), times });
  }

  /** Everybody, at all brokers, in the order of their names. `since`: counts who has applied all until then. */
  everybody(since?: number): Heard[] {
    this.#forgetPeers();
    const all = new Map<string, number[]>();
    for (const times of [this.times(), ...[...this.#peers.values()].map((peer) => peer.times)])
      for (const [principal, applied] of Object.entries(times))
        all.set(principal, [...(all.get(principal) ?? []), ...applied]);
    return [...all]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([principal, applied]) => {
        const oldest = Math.min(...applied);
        return {
          principal,
          connected: applied.length,
          ...(since !== undefined && { applied: applied.filter((asOf) => asOf >= since).length }),
          ...(oldest > 0 && { oldest }),
        };
      });
  }

  #forgetPeers(): void {
    const now = this.#elapsed();
    for (const [peer, { at }] of this.#peers) if (now - at > this.#peerGoodForMs) this.#peers.delete(peer);
  }
}
