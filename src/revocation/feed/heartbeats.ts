// When who reads gets a heartbeat: each once in the interval, and a crowd not in the same moment, so that a kill that comes
// then finds neither the broker nor a machine full of verifiers busy with all of them.
import type { Confirmed } from './confirmation.js';

/** So many are served together, and their share of a large crowd, so that all have had theirs in time. */
const AT_ONCE = 25;
const SHARE = 16;
/** How often in an interval somebody may be served. */
const TICKS = 20;

export interface HeartbeatsTerms {
  readonly heartbeatMs: number;
  /** Milliseconds that have passed. */
  readonly elapsed: () => number;
  /** Looks at the store, without which nothing can be promised. */
  readonly confirm: () => Promise<Confirmed>;
  /** Says it to these. */
  readonly promise: (confirmed: Confirmed, streams: readonly string[]) => void;
  readonly log: {
    info(facts: object, message: string): void;
    warn(facts: object, message: string): void;
  };
}

export class Heartbeats {
  readonly #terms: HeartbeatsTerms;
  /** When each stream was last told until when nothing is missing; in the order of that. */
  readonly #toldAt = new Map<string, number>();
  #ticking: NodeJS.Timeout | undefined;
  #beating = false;
  #silent = false;
  #stopped = false;

  constructor(terms: HeartbeatsTerms) {
    this.#terms = terms;
  }

  begin(): void {
    this.#ticking = setInterval(() => void this.#beat(), this.#terms.heartbeatMs / TICKS).unref();
  }

  /** It is being told at this moment, by a snapshot. */
  join(stream: string): void {
    this.#toldAt.set(stream, this.#terms.elapsed());
  }

  leave(stream: string): void {
    this.#toldAt.delete(stream);
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#ticking);
  }

  async #beat(): Promise<void> {
    if (this.#beating || !this.#isDue()) return;
    this.#beating = true;
    const { confirm, promise, log } = this.#terms;
    try {
      const confirmed = await confirm();
      if (this.#silent) log.info({}, 'the feed goes on');
      this.#silent = false;
      promise(confirmed, this.#next());
    } catch (error) {
      if (!this.#silent && !this.#stopped)
        log.warn({ err: error }, 'the store cannot be looked at: the feed promises nothing');
      this.#silent = true;
    } finally {
      this.#beating = false;
    }
  }

  /** Whoever has waited longest has waited an interval, or will have before the next tick. */
  #isDue(): boolean {
    const [longest] = this.#toldAt.values();
    const { heartbeatMs, elapsed } = this.#terms;
    return longest !== undefined && elapsed() - longest >= heartbeatMs * (1 - 0.5 / TICKS);
  }

  /**
   * Those who have waited longest: a few are all served together, even where they came one after the other. Nobody is left
   * out a second time, whatever the crowd: where the store is slow, there are fewer turns than ticks.
   */
  #next(): string[] {
    const most = Math.max(AT_ONCE, Math.ceil(this.#toldAt.size / SHARE));
    const late = this.#terms.elapsed() - 2 * this.#terms.heartbeatMs;
    const next: string[] = [];
    for (const [stream, toldAt] of this.#toldAt) {
      if (next.length >= most && toldAt > late) break;
      next.push(stream);
    }
    for (const stream of next) {
      this.#toldAt.delete(stream);
      this.join(stream);
    }
    return next;
  }
}
