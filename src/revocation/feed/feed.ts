// The revocation feed: kills, to everybody who reads, as they are committed; and at every heartbeat, signed, until when
// nothing is missing.
import { randomBytes } from 'node:crypto';
import { passing } from '../../domain/clock.js';
import type { FeedEntry } from '../../domain/feed.js';
import { chained } from '../../domain/feed.js';
import { MINUTE_MS } from '../../domain/duration.js';
import type { PrincipalName } from '../../domain/ids.js';
import type { Revocation } from '../../domain/revocation.js';
import type { KeyRing } from '../../keys/key-ring.js';
import type { Store } from '../../store/store.js';
import { Audience } from './audience.js';
import { Confirmation, type Confirmed } from './confirmation.js';
import { Heartbeats, type HeartbeatsTerms } from './heartbeats.js';
import type { EndReason, Position } from './message.js';
import { changeEvent, eventId, placeIn, signed, signedEvent } from './message.js';
import { Mirror } from './mirror.js';
import { Snapshots } from './snapshots.js';

/** Somebody who reads a stream. Neither may throw. */
export interface FeedReader {
  readonly principal: PrincipalName;
  write(frame: Buffer): void;
  end(reason: EndReason): void;
}

export interface Subscription {
  /** Names the stream in acknowledgements. */
  readonly id: string;
  readonly leave: () => void;
}

export interface FeedOptions {
  readonly issuer: string;
  readonly store: Store;
  /** Of the feed's own use: nothing that these keys sign is a credential. */
  readonly keys: KeyRing;
  readonly heartbeatMs: number;
  readonly log: HeartbeatsTerms['log'];
}

/** Whoever reads has this for each stream to acknowledge in: however many there are, a broker gets 100 a second. */
const ACKNOWLEDGE_MS_PER_STREAM = 10;
const ACKNOWLEDGE_WITHIN_MS = 250;

export class Feed {
  readonly #options: FeedOptions;
  readonly #elapsed = passing();
  readonly #confirmation: Confirmation;
  readonly #mirror: Mirror;
  readonly #snapshots: Snapshots;
  readonly #readers = new Map<string, FeedReader>();
  readonly #audience: Audience;
  readonly #heartbeats: Heartbeats;
  readonly #name = randomBytes(12).toString('base64url');
  #version = 0;
  #chain = randomBytes(32).toString('base64url');
  /** Learned, and not sent yet: what comes in one turn of the loop goes out as one change. */
  #pending: FeedEntry[] = [];
  #due: NodeJS.Immediate | NodeJS.Timeout | undefined;
  /** When the last change was out, and what of a core that took: others want their turn as well. */
  #sentAt = 0;
  #tookMs = 0;
  #pruning: NodeJS.Timeout | undefined;
  #toldPeersAt = -Infinity;
  /** How often all streams were ended, and why the last time. */
  #releases = 0;
  #released: EndReason = 'resync';
  #stopWatching = (): void => {};

  private constructor(options: FeedOptions) {
    this.#options = options;
    this.#mirror = new Mirror(options.issuer);
    const epochLeft = (now: number): void => this.#mirror.learnAnew(now);
    this.#confirmation = new Confirmation({ ...options, elapsed: this.#elapsed, epochLeft });
    this.#audience = new Audience(this.#elapsed, options.heartbeatMs);
    this.#snapshots = new Snapshots(options, this.#mirror, this.#elapsed);
    this.#heartbeats = new Heartbeats({
      ...options,
      elapsed: this.#elapsed,
      confirm: () => this.#confirmation.renew(),
      promise: (confirmed, streams) => this.#promise(confirmed, streams),
    });
  }

  /** Knows every kill in force when this resolves. @throws StoreUnavailable */
  static async open(options: FeedOptions): Promise<Feed> {
    const feed = new Feed(options);
    await feed.#open();
    return feed;
  }

  async #open(): Promise<void> {
    const { store } = this.#options;
    // First listens, then reads: nothing falls between the two.
    this.#stopWatching = store.watch((news) => {
      if (news.kind === 'revocation') this.#learn(news.revocation);
      if (news.kind === 'peer') this.#hearPeer(news.text);
    });
    const { epoch, entries } = await store.revocations();
    this.#confirmation.begin(epoch);
    for (const kill of entries) this.#learn(kill);
    this.#mirror.learnAnew(await this.#confirmation.readTime());
    this.#heartbeats.begin();
    const prune = (): void =>
      void this.#confirmation.readTime().then(
        (now) => this.#mirror.prune(now),
        () => {},
      );
    this.#pruning = setInterval(prune, MINUTE_MS).unref();
  }

  get streams(): number {
    return this.#readers.size;
  }

  /** How many kills it tells. */
  get size(): number {
    return this.#mirror.size;
  }

  /** For how long nothing has been promised, where somebody reads. Milliseconds. */
  get silentForMs(): number {
    const now = this.#elapsed();
    return this.#readers.size === 0 ? 0 : now - (this.#confirmation.latest?.began ?? now);
  }

  /** @throws StoreUnavailable where the store cannot be looked at: nothing can be promised then. */
  async snapshot(): Promise<Position & { readonly parts: readonly string[] }> {
    const confirmed = await this.#confirmation.fresh();
    this.#flush();
    const { position, tokens } = this.#snapshots.whole(this.#position(confirmed));
    return { ...position, parts: tokens };
  }

  /**
   * Everything, or what came since `after` (an event's id, of any broker on this store), and from then on each change.
   *
   * @throws StoreUnavailable
   */
  async subscribe(reader: FeedReader, after?: string): Promise<Subscription> {
    const releases = this.#releases;
    const confirmed = await this.#confirmation.fresh();
    this.#flush();
    const place = after === undefined ? undefined : placeIn(after);
    const position = this.#position(confirmed);
    const canGoOn = place?.epoch === position.epoch && place.asOf <= position.as_of;
    const { frame, later } = canGoOn
      ? this.#snapshots.since(place.asOf, position)
      : this.#snapshots.whole(position);
    const id = randomBytes(12).toString('base64url');
    this.#readers.set(id, reader);
    this.#audience.join({ id, principal: reader.principal, applied: 0 });
    this.#heartbeats.join(id);
    reader.write(frame);
    for (const change of later) reader.write(change);
    // All others were ended while it waited: whoever may read no more, or finds nobody here, must not be left over.
    if (releases !== this.#releases) this.#end(id, reader, this.#released);
    return { id, leave: () => this.#leave(id) };
  }

  #leave(id: string): void {
    this.#readers.delete(id);
    this.#audience.leave(id);
    this.#heartbeats.leave(id);
  }

  /** Ends every stream: whoever reads comes back. */
  release(reason: EndReason): void {
    this.#releases++;
    this.#released = reason;
    for (const [id, reader] of this.#readers) this.#end(id, reader, reason);
  }

  #end(id: string, reader: FeedReader, reason: EndReason): void {
    this.#leave(id);
    reader.end(reason);
  }

  /** It has applied all until `asOf`, at whichever broker it reads. Answers the store's time at the most. */
  async acknowledge(principal: PrincipalName, stream: string, asOf: number): Promise<number> {
    const latest = this.#nowBy(await this.#confirmation.any());
    const applied = Math.min(asOf, latest);
    if (!this.#audience.acknowledge(stream, principal, applied))
      this.#tellPeers({ acknowledged: { stream, principal, as_of: applied } });
    return latest;
  }

  /** Who reads, at all brokers. */
  audience(since?: number): ReturnType<Audience['everybody']> {
    return this.#audience.everybody(since);
  }

  stop(): void {
    this.#heartbeats.stop();
    this.#stopWatching();
    clearInterval(this.#pruning);
    this.release('shutting_down');
  }

  #learn(kill: Revocation): void {
    const entry = this.#mirror.add(kill, this.#confirmation.now);
    if (!entry) return;
    this.#pending.push(entry);
    if (this.#due !== undefined) return;
    // Half of the time at most goes to sending, however many kills come and however many read.
    const pauseMs = this.#sentAt + this.#tookMs - performance.now();
    const send = (): void => this.#flush();
    this.#due = pauseMs > 1 ? setTimeout(send, pauseMs) : setImmediate(send);
  }

  #flush(): void {
    if (this.#due !== undefined) {
      clearTimeout(this.#due as NodeJS.Timeout);
      clearImmediate(this.#due as NodeJS.Immediate);
      this.#due = undefined;
    }
    if (this.#pending.length === 0) return;
    const began = process.cpuUsage();
    const entries = this.#pending;
    this.#pending = [];
    const data = JSON.stringify({ version: ++this.#version, entries });
    this.#chain = chained(this.#chain, data);
    const frame = Buffer.from(changeEvent(data));
    this.#snapshots.follow(frame);
    for (const reader of this.#readers.values()) reader.write(frame);
    this.#sentAt = performance.now();
    // Not by the clock: on a busy machine, whoever is woken by it runs first, and the next kill would wait for that.
    const { user, system } = process.cpuUsage(began);
    this.#tookMs = (user + system) / 1000;
  }

  /** Says to these, signed, until when everything was told. Nothing that is known is held back behind it. */
  #promise(confirmed: Confirmed, streams: readonly string[]): void {
    const { keys, issuer, heartbeatMs } = this.#options;
    this.#flush();
    const position = this.#position(confirmed);
    const token = signed(keys, issuer, {
      ...position,
      kind: 'heartbeat',
      heartbeat_ms: heartbeatMs,
      acknowledge_within_ms: Math.max(ACKNOWLEDGE_WITHIN_MS, this.streams * ACKNOWLEDGE_MS_PER_STREAM),
    });
    const frame = Buffer.from(signedEvent('heartbeat', eventId(position), token));
    for (const id of streams) this.#readers.get(id)?.write(frame);
    if (this.#elapsed() - this.#toldPeersAt < heartbeatMs / 2) return;
    this.#toldPeersAt = this.#elapsed();
    this.#tellPeers({ feed: this.#name, times: this.#audience.times() });
  }

  #position(confirmed: Confirmed): Position {
    return {
      feed: this.#name,
      epoch: confirmed.epoch,
      version: this.#version,
      chain: this.#chain,
      as_of: confirmed.asOf,
      now: this.#nowBy(confirmed),
    };
  }

  #nowBy({ now, began }: Confirmed): number {
    return now + Math.ceil(this.#elapsed() - began);
  }

  #tellPeers(said: object): void {
    this.#options.store.tellPeers(JSON.stringify(said)).catch(() => {}); // it is said again
  }

  #hearPeer(text: string): void {
    const { acknowledged, feed, times } = JSON.parse(text) as PeerMessage;
    if (acknowledged)
      this.#audience.acknowledge(acknowledged.stream, acknowledged.principal, acknowledged.as_of);
    if (feed !== undefined && times) this.#audience.hear(feed, times);
  }
}

/** What a broker says to the others. */
interface PeerMessage {
  readonly acknowledged?: { readonly stream: string; readonly principal: string; readonly as_of: number };
  readonly feed?: string;
  readonly times?: Readonly<Record<string, readonly number[]>>;
}
