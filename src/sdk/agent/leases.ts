// The leases that an agent has taken, until they have ended or are given back.
import type { MayflyClient, TokenResponse } from '../client/index.js';
import { MayflyError } from '../client/errors.js';

/** So many releases at a time: giving back is no flood. */
const ABREAST = 8;

export interface Taken {
  readonly response: TokenResponse;
  /** Counted from before it was asked for, so never too late. */
  readonly endsAt: number;
}

export class Leases {
  readonly #broker: MayflyClient;
  readonly #now: () => number;
  /** Each with when it ends. */
  readonly #held = new Map<string, number>();
  readonly #pending = new Set<Promise<unknown>>();
  #closed = false;

  constructor(broker: MayflyClient, now: () => number) {
    this.#broker = broker;
    this.#now = now;
  }

  /** @throws MayflyError `ERR_USAGE` once the agent is closed: what it had is dead, and what came nobody would give back */
  check(): void {
    if (this.#closed) throw new MayflyError('ERR_USAGE', 'the agent is closed');
  }

  /** Asks for a credential, and keeps its lease in mind. */
  async take(ask: () => Promise<TokenResponse>): Promise<Taken> {
    this.check();
    const askedAt = this.#now();
    const asking = ask();
    this.#pending.add(asking);
    try {
      const response = await asking;
      const endsAt = askedAt + response.expires_in * 1000;
      for (const [lease, end] of this.#held) if (end < askedAt) this.#held.delete(lease);
      this.#held.set(response.lease_id, endsAt);
      return { response, endsAt };
    } finally {
      this.#pending.delete(asking);
    }
  }

  /** Gives one back. Never throws: what cannot be given back stays held, and ends by itself at its time. */
  async release(lease: string, signal?: AbortSignal): Promise<void> {
    try {
      await this.#broker.releaseLease(lease, signal && { signal });
      this.#held.delete(lease);
    } catch (error) {
      if (error instanceof MayflyError && error.code === 'ERR_NOT_FOUND') this.#held.delete(lease);
    }
  }

  /** Takes no more, and gives back all, also what is still being asked for. Resolves with what it could not give back. */
  async close(withinMs: number): Promise<readonly string[]> {
    this.#closed = true;
    const patience = AbortSignal.timeout(withinMs);
    const outOfTime = new Promise<void>((resolve) => patience.addEventListener('abort', () => resolve()));
    await Promise.race([Promise.allSettled(this.#pending), outOfTime]);
    const now = this.#now();
    const live = [...this.#held].filter(([, endsAt]) => endsAt > now).map(([lease]) => lease);
    const queue = live.values();
    const inTurn = async (): Promise<void> => {
      for (const lease of queue) await this.release(lease, patience);
    };
    await Promise.all(Array.from({ length: ABREAST }, inTurn));
    return live.filter((lease) => this.#held.has(lease));
  }
}
