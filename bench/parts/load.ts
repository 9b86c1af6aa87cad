// Two kinds of load. Closed: each connection asks again as soon as it was answered. Steady: at a rate, whatever the answers do.
import { Connection } from './connection.js';
import { quantile } from './statistics.js';

export interface Load {
  /** Brokers that share the load: connection by connection. */
  readonly urls: readonly string[];
  readonly connections: number;
  readonly seconds: number;
  /** The next request, made beforehand; undefined ends the load early. */
  next(): Buffer | undefined;
  /** Told of each answer. */
  answered?(): void;
}

export interface Measured {
  readonly requests: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Some of the answers' bodies, to be looked at afterwards. */
  readonly sample: readonly Buffer[];
}

const SAMPLE_EVERY = 101;
/** A server that is so far behind the rate does not keep it. */
const MOST_BEHIND_MS = 5000;

/** Every answer must be 200: the first other one ends the load with an error that shows it. */
export async function measure(load: Load): Promise<Measured> {
  const run = await Run.open(load);
  const until = run.start + load.seconds * 1000;
  const ask = async (connection: Connection): Promise<void> => {
    for (let sent = run.start; sent < until; sent = run.end) {
      const request = load.next();
      if (!request) return;
      await run.ask(connection, request, sent);
    }
  };
  return run.measured(() => Promise.all(run.connections.map(ask)));
}

/**
 * So many requests per second, evenly. Latency counts from the moment at which a request was due, not from when it
 * could be sent: one that waits for a connection because others are slow, waits for the server.
 */
export async function measureSteadily(load: Load & { readonly perSecond: number }): Promise<Measured> {
  const { perSecond, seconds, next } = load;
  const run = await Run.open(load);
  const idle = [...run.connections];
  const total = Math.floor(perSecond * seconds);
  const dueAt = (index: number): number => run.start + (index * 1000) / perSecond;
  let sent = 0;
  const isOneLeft = (): boolean => sent < total;
  const isOneDue = (): boolean => isOneLeft() && dueAt(sent) <= performance.now();

  const serve = async (connection: Connection): Promise<void> => {
    while (isOneDue()) {
      const due = dueAt(sent++);
      const request = next();
      if (!request) throw new Error('fewer requests were made ready than are due');
      await run.ask(connection, request, due);
      if (performance.now() - due > MOST_BEHIND_MS)
        throw new Error(`${load.urls.join(', ')} does not keep up with ${perSecond.toFixed(0)} a second`);
    }
    idle.push(connection);
  };
  return run.measured(async () => {
    const serving = new Set<Promise<void>>();
    const failures: Error[] = [];
    while (isOneLeft() && failures.length === 0) {
      while (idle.length > 0 && isOneDue()) {
        const one: Promise<void> = serve(idle.pop()!)
          .catch((error: unknown) => void failures.push(error as Error))
          .finally(() => serving.delete(one));
        serving.add(one);
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await Promise.all(serving);
    if (failures[0]) throw failures[0];
  });
}

class Run {
  readonly connections: readonly Connection[];
  readonly start = performance.now();
  end = this.start;
  readonly #load: Load;
  readonly #latenciesMs: number[] = [];
  readonly #sample: Buffer[] = [];

  private constructor(load: Load, connections: readonly Connection[]) {
    this.#load = load;
    this.connections = connections;
  }

  static async open(load: Load): Promise<Run> {
    const { urls, connections: count } = load;
    const opening = Array.from({ length: count }, (_, index) => Connection.open(urls[index % urls.length]!));
    return new Run(load, await Promise.all(opening));
  }

  async ask(connection: Connection, request: Buffer, since: number): Promise<void> {
    const { status, body } = await connection.exchange(request);
    this.end = performance.now();
    this.#latenciesMs.push(this.end - since);
    if (status !== 200)
      throw new Error(`${this.#load.urls.join(', ')} answered ${status}: ${body.toString('utf8')}`);
    if (this.#latenciesMs.length % SAMPLE_EVERY === 1) this.#sample.push(body);
    this.#load.answered?.();
  }

  async measured(work: () => Promise<unknown>): Promise<Measured> {
    try {
      await work();
    } finally {
      for (const connection of this.connections) connection.close();
    }
    const latenciesMs = this.#latenciesMs.sort((a, b) => a - b);
    return {
      requests: latenciesMs.length,
      perSecond: latenciesMs.length / ((this.end - this.start) / 1000),
      p50Ms: quantile(latenciesMs, 0.5),
      p99Ms: quantile(latenciesMs, 0.99),
      sample: this.#sample,
    };
  }
}
