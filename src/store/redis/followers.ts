// Waiting until replicas have what was written: many waiters share one WAIT, on a connection that holds up nobody else.
import { Cluster } from 'ioredis';
import { StoreUnavailable } from '../store.js';
import type { Client } from './client-options.js';

/**
 * Written anew, so that a WAIT on this connection covers whatever any other wrote before; also with a full memory. Only
 * on a server that has the stamp: another one, promoted meanwhile, would vouch for what it never had.
 */
const REWRITE = `#!lua flags=allow-oom
local clock = redis.call('GET', KEYS[1]) or ''
local stamp = tonumber(string.match(clock, '^%S+ %d+ (%d+)'))
if not stamp or stamp < tonumber(ARGV[1]) then
  return redis.error_reply('LOST another server answers, which does not have it')
end
redis.call('SET', KEYS[1], clock)
return 1`;

/** A kill is in force where it was said, and too few replicas have it: it would be lost with its server. */
class TooFewReplicas extends StoreUnavailable {
  constructor(have: number, wanted: number) {
    super(
      `${have} of ${wanted} replicas have it: it is in force, and would be lost with its server; say it again`,
    );
  }
}

export interface FollowerTerms {
  readonly client: Client;
  readonly least: number;
  readonly withinMs: number;
}

interface Batch {
  /** The latest stamp of each slot's clock that somebody waits for. */
  readonly stamps: Map<string, number>;
  done: Promise<void>;
}

export class Followers {
  readonly #terms: FollowerTerms;
  /** By master: the wait that is under way, and the one that will follow it and is still to be joined. */
  readonly #running = new Map<string, Promise<void>>();
  readonly #next = new Map<string, Batch>();
  /** Of a key's hash tag, as the cluster counts them. */
  readonly #slotOfKey = new Map<string, number>();

  constructor(terms: FollowerTerms) {
    this.#terms = terms;
  }

  /**
   * Resolves once enough replicas have what was written in a slot up to this stamp. `key`: the slot's clock.
   *
   * @throws TooFewReplicas where they did not say so in time.
   */
  async have(key: string, stamp: number): Promise<void> {
    if (this.#terms.least === 0) return;
    const master = await this.#masterOf(key);
    let batch = this.#next.get(master);
    if (!batch) {
      batch = { stamps: new Map(), done: Promise.resolve() };
      this.#next.set(master, batch);
      batch.done = this.#after(master, batch);
    }
    batch.stamps.set(key, Math.max(batch.stamps.get(key) ?? 0, stamp));
    await batch.done;
  }

  async #after(master: string, batch: Batch): Promise<void> {
    // What comes while a wait is under way was written after it was sent: it shares the next one.
    await this.#running.get(master)?.catch(() => {});
    this.#next.delete(master);
    const waiting = this.#wait(batch.stamps);
    this.#running.set(master, waiting);
    await waiting;
  }

  async #wait(stamps: ReadonlyMap<string, number>): Promise<void> {
    const { client, least, withinMs } = this.#terms;
    const pipeline = client.pipeline();
    for (const [key, stamp] of stamps) pipeline.eval(REWRITE, 1, key, stamp);
    const replies = (await pipeline.call('WAIT', least, withinMs).exec()) ?? [];
    for (const [fault] of replies) if (fault) throw fault;
    const have = Number(replies.at(-1)?.[1] ?? 0);
    if (have < least) throw new TooFewReplicas(have, least);
  }

  async #masterOf(key: string): Promise<string> {
    const { client } = this.#terms;
    if (!(client instanceof Cluster)) return '';
    let slot = this.#slotOfKey.get(key);
    if (slot === undefined) {
      slot = await client.cluster('KEYSLOT', key);
      this.#slotOfKey.set(key, slot);
    }
    return client.slots[slot]?.[0] ?? '';
  }
}
