// News of kills and signing keys: heard from all brokers by sharded pub/sub, counted, and read anew after any gap.
import { Redis } from 'ioredis';
import type { TaskId } from '../../domain/ids.js';
import type { Revocation } from '../../domain/revocation.js';
import type { News as Told, Quarantine } from '../store.js';
import type { Client } from './client-options.js';
import type { ConnectionLog } from './connections.js';
import { ALL_SLOTS, HOME_SLOT } from './keys.js';
import type { Reader } from './reader.js';
import type { KillRecord } from './records.js';
import { revocationFromRecord } from './records.js';
import { restore } from './restore.js';
import type { Slots } from './slots.js';
import type { Tasks } from './tasks.js';
import { Union } from './union.js';
import type { WideTerms } from './wide-kill.js';

/** How often every slot is asked how much it has told: news of which the message was lost is two beats late at most. */
const BEAT_MS = 500;
/** A message may be a little later than an answer that counts it: after so long it is read and no longer waited for. */
const MESSAGE_LATE_MS = 50;

interface Message {
  readonly selector?: string;
  readonly kill?: KillRecord;
  readonly lifted?: string;
  readonly signing_keys?: true;
}

export interface NewsParts {
  readonly client: Client;
  readonly slots: Slots;
  readonly reader: Reader;
  readonly tasks: Tasks;
  readonly terms: WideTerms;
  readonly log: ConnectionLog;
  /** Lets go of connections that hang. */
  renew(): void;
}

export class News {
  readonly union = new Union();
  readonly #parts: NewsParts;
  readonly #listeners = new Set<(news: Told) => void>();
  /** How many messages of each slot were heard of, one way or the other. */
  readonly #heard: number[] = ALL_SLOTS.map(() => 0);
  /** How many each had told at the last beat: by the next one a message has long arrived, or never will. */
  #told: readonly number[] = [];
  /** How often slots began to count anew: what was counted before says nothing of what comes after. */
  #restarts = 0;
  /** Whoever waits until every slot has been heard so far. */
  readonly #waiting = new Set<() => void>();
  /** Slots count anew, and what they held before that has not been read yet. */
  #unread = false;
  #quarantinesStale = false;
  #readingQuarantines = false;
  #beat: NodeJS.Timeout | undefined;
  #beating: Promise<void> | undefined;

  constructor(parts: NewsParts) {
    this.#parts = parts;
  }

  /** Subscribes, then reads everything: nothing falls between the two. `counts`: where each slot stood before. */
  async open(counts: readonly number[]): Promise<void> {
    const { client, log } = this.#parts;
    client.on('smessage', (channel: string, text: string) => {
      try {
        this.#hear(channel, text);
      } catch (error) {
        // Not counted as heard: the next beat reads the slot itself.
        log.warn({ err: error }, 'a message of the store cannot be read');
      }
    });
    await this.#subscribe();
    // A cluster's client sees to that itself, node by node.
    if (client instanceof Redis) {
      client.on('ready', () => {
        this.#subscribe().catch((error: unknown) => log.warn({ err: error }, 'the news cannot be heard'));
      });
    }
    for (const [slot, count] of counts.entries()) this.#heard[slot] = Math.max(this.#heard[slot]!, count);
    await this.reread();
    this.#schedule();
  }

  async #subscribe(): Promise<void> {
    const { client, slots } = this.#parts;
    const peers = client.ssubscribe(slots.keys.in(HOME_SLOT, 'peers'));
    await Promise.all([peers, ...ALL_SLOTS.map((slot) => client.ssubscribe(slots.keys.in(slot, 'news')))]);
  }

  watch(listener: (news: Told) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Slots that lost something count anew. */
  restart(counts: readonly number[]): void {
    for (const [slot, count] of counts.entries()) this.#heard[slot] = count;
    this.#told = [];
    this.#restarts++;
    this.#unread = true;
  }

  /** What this broker did itself is known before its message comes back. */
  own(kill: Revocation): void {
    this.#learn(kill);
  }

  /** As the store has them now: what is not there any more was lifted. */
  quarantined(quarantines: readonly Quarantine[]): void {
    this.union.setQuarantines(quarantines);
  }

  lifted(agent: string): void {
    this.union.lift(agent);
  }

  /** Reads every kill and quarantine that the store holds. */
  async reread(): Promise<void> {
    const { reader, slots } = this.#parts;
    const { epoch } = slots;
    for (const kill of await reader.kills()) this.#learn(kill);
    this.quarantined(await reader.quarantines());
    if (epoch === slots.epoch) this.#unread = false;
  }

  async asOf(): Promise<{ epoch: string; asOf: number; now: number }> {
    const { slots } = this.#parts;
    for (;;) {
      const { epoch } = slots;
      const restarts = this.#restarts;
      if (this.#unread) await this.reread();
      // (1) Where every slot stands. (2) All that was told until then. (3) Only now a write: the servers that were
      // asked were those that write, and have their replicas still.
      const looks = (await slots.askAll('look')) as [count: number, now: number][];
      await this.#heardUntil(
        looks.map(([count]) => count),
        restarts,
      );
      await slots.affirm();
      if (epoch === slots.epoch && !this.#unread)
        return { epoch, asOf: Math.min(...looks.map(([, now]) => now)), now: slots.latest };
    }
  }

  async tellPeers(text: string): Promise<void> {
    await this.#parts.slots.ask('tell-peers', HOME_SLOT, [text]);
  }

  async #heardUntil(counts: readonly number[], restarts: number): Promise<void> {
    const missing = (): number[] => ALL_SLOTS.filter((slot) => this.#heard[slot]! < counts[slot]!);
    if (missing().length > 0) {
      await new Promise<void>((resolve) => {
        const done = (): void => {
          clearTimeout(late);
          this.#waiting.delete(look);
          resolve();
        };
        const look = (): void => void (missing().length === 0 && done());
        const late = setTimeout(done, MESSAGE_LATE_MS);
        this.#waiting.add(look);
      });
    }
    await this.#readMissed(missing(), counts, restarts);
  }

  /** A kill is said to be new once: one listener's fault must not keep it from the others. */
  tellAll(news: Told): void {
    for (const listener of this.#listeners) {
      try {
        listener(news);
      } catch (error) {
        this.#parts.log.warn({ err: error, kind: news.kind }, 'news could not be taken');
      }
    }
  }

  async close(): Promise<void> {
    clearTimeout(this.#beat);
    await this.#beating;
  }

  #hear(channel: string, text: string): void {
    if (channel === this.#parts.slots.keys.in(HOME_SLOT, 'peers')) return this.#hearPeer(text);
    const slot = this.#parts.slots.keys.slotOfChannel(channel);
    const parts = /^(\d+) (\d+) (\S+) (\S+) (.*)$/s.exec(text);
    if (slot === undefined || !parts) return;
    const [, count, stamp, origin, epoch, body] = parts;
    this.#parts.slots.heard(slot, Number(stamp));
    const message = JSON.parse(body!) as Message;
    // Where one is missing the count stays behind, and the next beat reads the slot anew.
    // So it does where it was told in another epoch: that server counted for itself.
    const isNext = epoch === this.#parts.slots.epoch && Number(count) === this.#heard[slot]! + 1;
    if (message.signing_keys) this.tellAll({ kind: 'signing_keys' });
    if (message.lifted !== undefined) this.lifted(message.lifted);
    if (message.selector !== undefined && message.kill !== undefined)
      this.#hearKill(revocationFromRecord(message.selector, message.kill), origin!, epoch!);
    if (!isNext) return;
    this.#heard[slot] = Number(count);
    for (const look of this.#waiting) look();
  }

  #hearKill(kill: Revocation, origin: string, epoch: string): void {
    if (kill.kind === 'task' && origin !== this.#parts.slots.origin)
      this.#parts.tasks.forget(kill.name as TaskId);
    this.#learn(kill);
    // Told by a server that has been replaced, and heard after we had written back what we knew.
    if (epoch !== this.#parts.slots.epoch) void this.#giveBack(kill);
    if (kill.kind === 'agent') void this.#readQuarantines();
  }

  #hearPeer(message: string): void {
    const { origin } = this.#parts.slots;
    if (!message.startsWith(`${origin} `))
      this.tellAll({ kind: 'peer', text: message.slice(message.indexOf(' ') + 1) });
  }

  async #giveBack(kill: Revocation): Promise<void> {
    const { slots, terms, log } = this.#parts;
    try {
      await restore([kill], [], terms, (slot, args, lane) => slots.ask('restore-kills', slot, args, lane));
    } catch (error) {
      log.warn({ err: error }, 'a kill of another epoch could not be written back');
    }
  }

  #learn(kill: Revocation): void {
    if (this.union.add(kill)) this.tellAll({ kind: 'revocation', revocation: kill });
  }

  /** Once, however many kills come at a time: what comes while they are read is read afterwards. */
  async #readQuarantines(): Promise<void> {
    this.#quarantinesStale = true;
    if (this.#readingQuarantines) return;
    this.#readingQuarantines = true;
    try {
      while (this.#quarantinesStale) {
        this.#quarantinesStale = false;
        this.quarantined(await this.#parts.reader.quarantines());
      }
    } catch (error) {
      this.#parts.log.warn({ err: error }, 'the quarantines could not be read; the next beat tries again');
      this.#heard[HOME_SLOT] = -1;
    } finally {
      this.#readingQuarantines = false;
    }
  }

  #schedule(): void {
    this.#beat = setTimeout(() => {
      this.#beating = this.#compare()
        .catch((error: unknown) => {
          this.#parts.log.warn({ err: error }, 'the store does not answer');
          // A hung server is left; one that only has too few replicas is not.
          if (/timed out/.test(String(error))) this.#parts.renew();
        })
        .finally(() => {
          this.#beating = undefined;
          if (!this.#parts.slots.closed()) this.#schedule();
        });
    }, BEAT_MS);
    this.#beat.unref();
  }

  /** Asks each slot how much it has told. What it had told by the last beat and was not heard is read. */
  async #compare(): Promise<void> {
    const { slots } = this.#parts;
    const restarts = this.#restarts;
    const missed = ALL_SLOTS.filter((slot) => (this.#told[slot] ?? 0) > this.#heard[slot]!);
    const counts = (await slots.askAll('look')).map(([count]) => count as number);
    if (restarts === this.#restarts) this.#told = counts;
    await this.#readMissed(missed, counts, restarts);
    this.union.forgetMoot(slots.latest);
  }

  /**
   * `counts`: how many each slot had told before it is read now; after `restarts`. Those of a server that was replaced
   * meanwhile may be more than its successor has told: taken for heard, they would hide what that loses from then on.
   */
  async #readMissed(missed: readonly number[], counts: readonly number[], restarts: number): Promise<void> {
    if (missed.length === 0) return;
    const { reader, tasks } = this.#parts;
    for (const slot of missed) {
      for (const kill of await reader.killsIn(slot)) this.#learn(kill);
      if (slot === HOME_SLOT) {
        for (const kill of await reader.wideIn(HOME_SLOT)) this.#learn(kill);
        this.quarantined(await reader.quarantines());
      }
      if (restarts === this.#restarts) this.#heard[slot] = Math.max(this.#heard[slot]!, counts[slot]!);
    }
    tasks.forget();
    this.tellAll({ kind: 'gap' });
  }
}
