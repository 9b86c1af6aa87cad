// A closed loop: so many connections, each of which asks again as soon as it was answered.
import { Connection } from './connection.js';
import { quantile } from './statistics.js';

export interface Load {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  /** The next request, made beforehand; undefined ends the load early. */
  next(): Buffer | undefined;
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

/** Every answer must be 200: the first other one ends the load with an error that shows it. */
export async function measure({ url, connections: count, seconds, next }: Load): Promise<Measured> {
  const connections = await Promise.all(Array.from({ length: count }, () => Connection.open(url)));
  const latenciesMs: number[] = [];
  const sample: Buffer[] = [];
  const start = performance.now();
  const until = start + seconds * 1000;
  let end = start;

  const ask = async (connection: Connection): Promise<void> => {
    for (let sent = performance.now(); sent < until; sent = end) {
      const request = next();
      if (!request) return;
      const { status, body } = await connection.exchange(request);
      end = performance.now();
      latenciesMs.push(end - sent);
      if (status !== 200) throw new Error(`${url} answered ${status}: ${body.toString('utf8')}`);
      if (latenciesMs.length % SAMPLE_EVERY === 1) sample.push(body);
    }
  };
  try {
    await Promise.all(connections.map(ask));
  } finally {
    for (const connection of connections) connection.close();
  }

  latenciesMs.sort((a, b) => a - b);
  return {
    requests: latenciesMs.length,
    perSecond: latenciesMs.length / ((end - start) / 1000),
    p50Ms: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
    sample,
  };
}
