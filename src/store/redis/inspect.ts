// Looks at the Redis that the configuration names, and changes nothing: what is wrong, before a broker is started on it.
import { Cluster, Redis } from 'ioredis';
import type { SigningKeyRecord } from '../store.js';
import { type Client, clientOptions, clusterOptions } from './client-options.js';
import { HOME_SLOT, Keys } from './keys.js';
import type { RedisOptions } from './options.js';
import { REPLAYS_NOTHING, factsIn, flawsOf, replaysNothing } from './requirements.js';
import { lackingRights } from './rights.js';

export interface InspectedServer {
  readonly address: string;
  readonly version: string;
  /** How far its clock is ahead of ours. */
  readonly clockAheadMs: number;
  /** What keeps a broker from starting on it. */
  readonly flaws: readonly string[];
  readonly replicas: number;
  readonly memory: { readonly usedBytes: number; readonly mostBytes: number };
  /** Writing the append-only file failed. */
  readonly aofFails: boolean;
  /** Undefined where the user may not ask. */
  readonly lackingRights?: readonly string[];
}

export interface InspectedRedis {
  readonly servers: readonly InspectedServer[];
  readonly signingKeys: readonly SigningKeyRecord[];
}

/** @throws Error with why it cannot be reached, or what it says against us */
export async function inspectRedis(options: RedisOptions): Promise<InspectedRedis> {
  const client = clientFor(options);
  let complaint: Error | undefined;
  client.on('error', (error: Error) => (complaint = error));
  client.on('node error', (error: Error) => (complaint ??= error));
  try {
    await client.connect();
    const masters = client instanceof Cluster ? client.nodes('master') : [client];
    const servers: InspectedServer[] = [];
    for (const master of masters) servers.push(await inspectServer(master, options));
    return { servers, signingKeys: await signingKeysIn(client, options) };
  } catch (error) {
    // The library says of a connection only that it is closed; why, it has told before.
    throw /closed|refresh slots|ended/i.test((error as Error).message) ? (complaint ?? error) : error;
  } finally {
    client.disconnect();
  }
}

/** One try: whoever asks wants to know now. */
function clientFor(options: RedisOptions): Client {
  if (options.servers.mode === 'cluster') {
    return new Cluster([...options.servers.nodes], {
      ...clusterOptions(options, 'calls'),
      clusterRetryStrategy: () => null,
      lazyConnect: true,
    });
  }
  return new Redis({
    ...clientOptions(options, 'calls'),
    retryStrategy: () => null,
    sentinelRetryStrategy: () => null,
    lazyConnect: true,
  });
}

async function inspectServer(server: Redis, options: RedisOptions): Promise<InspectedServer> {
  const { host = '', port = '' } = server.options;
  const asked = Date.now();
  const [seconds, micros] = (await server.time()).map(Number) as [number, number];
  const answered = Date.now();
  const facts = factsIn(await server.info());
  const number = (name: string): number => Number(facts.get(name) ?? 0);
  const keys = new Keys(options.prefix);
  const lacking = await lackingRights(
    server,
    options.username ?? 'default',
    keys.clock(HOME_SLOT),
    keys.in(HOME_SLOT, 'news'),
  );
  const flaws = flawsOf(facts, options);
  return {
    address: `${host}:${port}`,
    version: facts.get('redis_version') ?? 'unknown',
    clockAheadMs: seconds * 1000 + micros / 1000 - (asked + answered) / 2,
    flaws: (await replaysNothing(server)) ? [REPLAYS_NOTHING, ...flaws] : flaws,
    replicas: number('connected_slaves'),
    memory: { usedBytes: number('used_memory'), mostBytes: number('maxmemory') },
    aofFails: facts.get('aof_enabled') === '1' && facts.get('aof_last_write_status') === 'err',
    ...(lacking && { lackingRights: lacking }),
  };
}

async function signingKeysIn(client: Client, { prefix }: RedisOptions): Promise<SigningKeyRecord[]> {
  const records = await client.hgetall(new Keys(prefix).in(HOME_SLOT, 'signing'));
  return Object.values(records).map((text) => JSON.parse(text) as SigningKeyRecord);
}
