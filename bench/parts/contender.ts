// One kind of load on one server or more: warmed up, measured at its limit, at half of that, and alone.
import type { Load, Measured } from './load.js';
import { measure, measureSteadily } from './load.js';
import { median } from './statistics.js';

/** What works for it: the servers, and what they keep their records in. */
export interface Worker {
  /** So far. */
  cpuSeconds(): number;
}

export interface Contending {
  readonly name: string;
  readonly urls: readonly string[];
  readonly servers: readonly Worker[];
  /** Where they keep their records, in a process of its own: Redis. */
  readonly keepers: readonly Worker[];
  /** So many requests, made ready. */
  prepare(count: number): () => Buffer | undefined;
  /** Throws where what was handed out is not a credential. */
  verify?(bodies: readonly Buffer[]): Promise<void>;
}

export const CONNECTIONS = 64;
/** Requests that are not measured, so that the code is compiled and the caches are as they will be. */
const WARM_UP_PER_SECOND = 500;
const MOST_WARM_UP = 2500;
const FASTER_ONCE_WARM = 3;
const VERIFIED_PER_ROUND = 20;
const HALF_SHARE = 1 / 2;
const ALONE_SHARE = 1 / 5;
/** One connection waits for the store each time: it does not ask for more than this. */
const ALONE_PER_SECOND = 4000;

export class Contender {
  readonly name: string;
  readonly loaded: Measured[] = [];
  readonly half: Measured[] = [];
  readonly alone: Measured[] = [];
  /** CPU time of a request in microseconds, by round. */
  readonly cpuMicros: number[] = [];
  readonly keeperMicros: number[] = [];
  /** Credentials that were handed out. */
  answered = 0;
  readonly #contending: Contending;
  /** No slower than it will be: so many requests are made ready. */
  #expectedPerSecond = 0;

  constructor(contending: Contending) {
    this.name = contending.name;
    this.#contending = contending;
  }

  /** The more, the longer it will be measured. */
  async warmUp(seconds: number): Promise<void> {
    let left = Math.min(MOST_WARM_UP, Math.ceil(WARM_UP_PER_SECOND * seconds));
    const next = this.#contending.prepare(left);
    const { perSecond } = await this.#measured({
      connections: CONNECTIONS,
      seconds: 60,
      next: () => (left-- > 0 ? next() : undefined),
    });
    this.#expectedPerSecond = perSecond * FASTER_ONCE_WARM;
  }

  /** At its limit, and alone; at half of its limit, or at the rate that is given, where one is wanted. */
  async round(seconds: number, steadyPerSecond?: (most: number) => number): Promise<void> {
    const { prepare, servers, keepers, verify } = this.#contending;
    // A load that runs dry ends early, and is measured until then.
    const next = prepare(Math.ceil(this.#expectedPerSecond * seconds));
    const before = { servers: cpuSecondsOf(servers), keepers: cpuSecondsOf(keepers) };
    const most = await this.#measured({ connections: CONNECTIONS, seconds, next });
    const microsSince = (workers: readonly Worker[], then: number): number =>
      ((cpuSecondsOf(workers) - then) / most.requests) * 1e6;
    this.cpuMicros.push(microsSince(servers, before.servers));
    this.keeperMicros.push(microsSince(keepers, before.keepers));
    this.#expectedPerSecond = Math.max(this.#expectedPerSecond / 2, most.perSecond * 1.5);
    this.loaded.push(most);

    const perSecond = steadyPerSecond?.(most.perSecond);
    if (perSecond !== undefined) {
      const halfSeconds = seconds * HALF_SHARE;
      const requests = prepare(Math.ceil(perSecond * halfSeconds));
      const steady = { connections: CONNECTIONS, seconds: halfSeconds, next: requests };
      const load = { ...this.#load(steady), perSecond };
      this.half.push(await measureSteadily(load));
    }
    const aloneSeconds = seconds * ALONE_SHARE;
    const single = prepare(ALONE_PER_SECOND * aloneSeconds);
    this.alone.push(await this.#measured({ connections: 1, seconds: aloneSeconds, next: single }));
    await verify?.(most.sample.slice(0, VERIFIED_PER_ROUND));
  }

  #measured(load: Pick<Load, 'connections' | 'seconds' | 'next'>): Promise<Measured> {
    return measure(this.#load(load));
  }

  #load(load: Pick<Load, 'connections' | 'seconds' | 'next'>): Load {
    return { ...load, urls: this.#contending.urls, answered: () => void this.answered++ };
  }
}

const cpuSecondsOf = (workers: readonly Worker[]): number =>
  workers.reduce((sum, worker) => sum + worker.cpuSeconds(), 0);

/** Round by round, since the machine has good and bad moments. */
export const ratio = (of: readonly number[], to: readonly number[]): number =>
  median(of.map((value, round) => value / to[round]!));

export const throughput = ({ loaded }: Contender): number[] => loaded.map(({ perSecond }) => perSecond);
