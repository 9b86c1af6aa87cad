// Waiting until replicas have what was written: many waiters share one WAIT, on a connection that holds up nobody else.
import { Cluster } from 'ioredis';
import { StoreUnavailable } from '../store.js';
import type { Client } from './connections.js';

/** Written anew, so that a WAIT on this connection covers whatever any other wrote before. Also with a full memory. */
const REWRITE = `#!lua flags=allow-oom
redis.call('SET', KEYS[1], redis.call('GET', KEYS[1]) or '')
return 1`;

/** A kill is in force where it was said, and too few replicas have it: it would be lost with its server. */
export class TooFewReplicas extends StoreUnavailable {
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
  readonly done: Promise<void>;
}

export class Followers {
  readonly #terms: FollowerTerms;
  /** By master: the wait that is under way, and the one that will follow it and is still to be joined. */
  readonly #running = new Map<string, Batch>();
  readonly #next = new Map<string, Batch>();
  /** Of a key's hash tag, as the cluster counts them. */
  readonly #slotOfKey = new Map<string, number>();

  constructor(terms: FollowerTerms) {
    this.#terms = terms;
  }

  /**
   * Resolves once enough replicas of the key's master have all that was written there before this call.
   *
   * @throws TooFewReplicas where they did not say so in time.
   */
  async have(key: string): Promise<void> {
    if (this.#terms.least === 0) return;
    const master = await this.#masterOf(key);
    const joined = this.#next.get(master);
    if (joined) return joined.done;
    const batch: Batch = { done: this.#after(master, key) };
    this.#next.set(master, batch);
    return batch.done;
  }

  async #after(master: string, key: string): Promise<void> {
    // What comes while a wait is under way was written after it was sent: it shares the next one.
    await this.#running.get(master)?.done.catch(() => {});
    const batch = this.#next.get(master)!;
    this.#next.delete(master);
    this.#running.set(master, batch);
    try {
      await this.#wait(key);
    } finally {
      if (this.#running.get(master) === batch) this.#running.delete(master);
    }
  }

  async #wait(key: string): Promise<void> {
    const { client, least, withinMs } = this.#terms;
    const [rewritten, waited] =
      (await client.pipeline().eval(REWRITE, 1, key).call('WAIT', least, withinMs).exec()) ?? [];
    const fault = rewritten?.[0] ?? waited?.[0];
    if (fault) throw fault;
    const have = Number(waited?.[1] ?? 0);
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
