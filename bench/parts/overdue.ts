// How late the oldest work is that is due in Redis, asked again and again beside whatever else goes on.
import { Cluster, Redis as Client } from 'ioredis';
import { MINUTE_MS } from '../../src/domain/duration.js';
import { ALL_SLOTS, Keys } from '../../src/store/redis/keys.js';
import type { Redis } from './redis.js';

export interface Lateness {
  readonly at: number;
  /** Tasks past their deadline that are not closed yet, and credentials to be killed at a target. */
  readonly deadlinesMs: number;
  /** Records past their retention that are still there. */
  readonly forgettingMs: number;
}

const EVERY_MS = 100;

export class OverdueWatch {
  readonly samples: Lateness[] = [];
  readonly #client: Pick<Client, 'zrange' | 'disconnect'>;
  readonly #keys: Keys;
  readonly #leaseRetentionMs: number;
  #stopped = false;
  readonly #running: Promise<void>;

  constructor(redis: Redis, prefix: string, leaseRetentionMs: number) {
    const [{ host, port } = { host: '', port: 0 }] = redis.deployment.addresses;
    this.#client =
      redis.deployment.mode === 'cluster'
        ? new Cluster([{ host, port }])
        : new Client({ host, port, enableAutoPipelining: true });
    this.#keys = new Keys(prefix);
    this.#leaseRetentionMs = leaseRetentionMs;
    this.#running = this.#run();
  }

  /** The worst of what was seen from then to then. */
  worst(from: number, to = Infinity): Omit<Lateness, 'at'> {
    const within = this.samples.filter(({ at }) => at >= from && at <= to);
    return {
      deadlinesMs: Math.max(0, ...within.map(({ deadlinesMs }) => deadlinesMs)),
      forgettingMs: Math.max(0, ...within.map(({ forgettingMs }) => forgettingMs)),
    };
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    this.#client.disconnect();
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      this.samples.push(await this.#look());
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  }

  async #look(): Promise<Lateness> {
    const now = Date.now();
    const late = await Promise.all(
      ALL_SLOTS.map(async (slot) => {
        const [open, external, ends] = await Promise.all(
          (['open', 'external', 'ends'] as const).map((name) => this.#first(slot, name)),
        );
        // Leases that end in the same minute are forgotten together, when the last of them may be.
        const forgotten = ends! * MINUTE_MS + this.#leaseRetentionMs;
        return { deadlines: now - Math.min(open!, external!), forgetting: now - forgotten };
      }),
    );
    return {
      at: now,
      deadlinesMs: Math.max(0, ...late.map(({ deadlines }) => deadlines)),
      forgettingMs: Math.max(0, ...late.map(({ forgetting }) => forgetting)),
    };
  }

  async #first(slot: number, name: 'open' | 'external' | 'ends'): Promise<number> {
    const [, score] = await this.#client.zrange(this.#keys.in(slot, name), '0', '0', 'WITHSCORES');
    return score === undefined ? Infinity : Number(score);
  }
}
