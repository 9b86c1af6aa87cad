// The feed of kills, followed for as long as the verifier lives: whatever ends a connection, the next one begins.
import { setTimeout as pause } from 'node:timers/promises';
import type { VerifierEvent } from '../events.js';
import { Acknowledgements } from './acknowledgements.js';
import { Connection, type ConnectionTerms, type Ending } from './connection.js';
import type { Step } from './reading.js';

const LEAST_PAUSE_MS = 50;
const MOST_PAUSE_MS = 5000;
/** A connection that brought heartbeats, and yet left us stale, is replaced no sooner: it is our bound that may be wrong. */
const REBOUND_AFTER_MS = 2000;
/** How soon a snapshot is acknowledged: heartbeats, which say it for themselves, come later. */
const ACKNOWLEDGE_WITHIN_MS = 1000;

export interface FeedTerms extends ConnectionTerms {
  readonly maxStalenessMs: number;
  readonly elapsed: () => number;
  readonly tell: (kind: VerifierEvent['kind'], facts?: { readonly reason?: string }) => void;
  /** After each step: there may be new kills, or it may be fresh again. */
  readonly stepped: () => void;
}

export class Feed {
  readonly #terms: FeedTerms;
  readonly #acknowledgements: Acknowledgements;
  readonly #closing = new AbortController();
  #connection: Connection | undefined;
  #connectedAt = 0;
  /** A snapshot of this connection was read. */
  #connected = false;
  /** Connections that came to nothing, one after the other. */
  #failures = 0;
  #anew = false;
  #contradicted = false;
  readonly #running: Promise<void>;

  constructor(terms: FeedTerms) {
    this.#terms = terms;
    this.#acknowledgements = new Acknowledgements(terms.channel, terms.knowledge.time, terms.elapsed);
    this.#running = this.#run();
  }

  get connected(): boolean {
    return this.#connected;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#acknowledgements.close();
    this.#connection?.end({ reason: 'closed' });
    await this.#running;
  }

  async #run(): Promise<void> {
    const { knowledge, tell } = this.#terms;
    while (!this.#closing.signal.aborted) {
      this.#connection = new Connection(this.#terms, {
        heard: this.#terms.stepped,
        step: (step, stream) => this.#step(step, stream),
      });
      this.#connectedAt = this.#terms.elapsed();
      const ending = await this.#connection.follow(this.#anew ? undefined : knowledge.resumeFrom);
      this.#connected = false;
      if (this.#closing.signal.aborted) return;
      this.#anew ||= ending.anew === true;
      tell(ending.odd ? 'resynchronised' : 'disconnected', { reason: ending.reason });
      await this.#pause(ending);
    }
  }

  async #pause({ atOnce, retryAfterMs = 0 }: Ending): Promise<void> {
    this.#failures++;
    if (atOnce && this.#failures === 1) return;
    const longest = Math.min(MOST_PAUSE_MS, LEAST_PAUSE_MS * 2 ** Math.min(this.#failures - 1, 10));
    // Half of it is chance: those whom one broken broker set free do not come to the next one as a herd.
    const ms = Math.max(longest * (0.5 + Math.random() / 2), Math.min(retryAfterMs, MOST_PAUSE_MS));
    await pause(ms, undefined, { signal: this.#closing.signal, ref: false }).catch(() => undefined);
  }

  #step(step: Step, stream: string): Ending | undefined {
    const { knowledge, tell, stepped, maxStalenessMs, elapsed } = this.#terms;
    if (step.kind !== 'snapshot' && step.kind !== 'heartbeat') return undefined;
    if (!step.agrees && !this.#contradicted) tell('time_contradicted');
    this.#contradicted = !step.agrees;
    if (step.kind === 'snapshot') {
      this.#connected = true;
      this.#anew = false;
      tell(step.resumed ? 'resumed' : 'connected');
    }
    stepped();
    const isFresh = knowledge.stalenessMs <= maxStalenessMs;
    if (step.kind === 'heartbeat') {
      if (isFresh) this.#failures = 0;
      else if (elapsed() - this.#connectedAt > REBOUND_AFTER_MS)
        return { reason: 'heartbeats come, and yet what is known is too old' };
    }
    const { epoch, asOf } = knowledge.position!;
    const withinMs = step.kind === 'heartbeat' ? step.heartbeat.acknowledgeWithinMs : ACKNOWLEDGE_WITHIN_MS;
    const news = step.kind === 'snapshot' || step.changes > 0;
    this.#acknowledgements.reached({ stream, epoch, asOf }, news, withinMs);
    return undefined;
  }
}
