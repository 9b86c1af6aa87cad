// What a Redis must be before a broker starts on it: each that is wrong is told with what to change.
import type { Redis } from 'ioredis';
import { StoreUnavailable } from '../store.js';
import type { ConnectionLog, Connections } from './connections.js';
import type { RedisOptions } from './options.js';
import { isPassing } from './slots.js';

const LEAST_VERSION = [7, 0] as const;
const MOST_SKEW_MS = 60_000;

type Facts = ReadonlyMap<string, string>;

export const factsIn = (info: string): Facts =>
  new Map(
    info.split('\r\n').flatMap((line) => {
      const colon = line.indexOf(':');
      return colon < 1 ? [] : [[line.slice(0, colon), line.slice(colon + 1)] as const];
    }),
  );

/** @throws StoreUnavailable with everything that is wrong, of every server that is written to. */
export async function checkServers(
  connections: Connections,
  options: RedisOptions,
  log: ConnectionLog,
): Promise<void> {
  const flaws: string[] = [];
  for (const server of connections.masters()) {
    let facts: Facts;
    let seconds: string;
    try {
      facts = factsIn(await server.info());
      [seconds] = (await server.time()).map(String) as [string];
    } catch (error) {
      if (isPassing(error)) throw error;
      throw new StoreUnavailable(`Redis cannot be asked about itself: ${messageOf(error)}`, { cause: error });
    }
    const { host = '', port = '' } = server.options;
    if (await replaysNothing(server)) flaws.push(`${host}:${port}: ${REPLAYS_NOTHING}`);
    for (const flaw of flawsOf(facts, options)) flaws.push(`${host}:${port}: ${flaw}`);
    const aheadMs = Number(seconds) * 1000 - Date.now();
    if (Math.abs(aheadMs) > MOST_SKEW_MS) {
      log.warn(
        { server: `${host}:${port}`, ahead_ms: aheadMs },
        "the store's clock and this machine's differ by more than a minute: set them right",
      );
    }
  }
  if (flaws.length > 0) throw new StoreUnavailable([...new Set(flaws)].join('; '));
}

/** redis/redis#14541: the file is replayed as the user `default`, and what that one may not do is left out. */
export const REPLAYS_NOTHING =
  'its user default has no rights, so Redis 7 would leave out most of its append-only file when it starts again: set "user default off ~* &* +@all"';

export async function replaysNothing(server: Redis): Promise<boolean> {
  try {
    return (await server.acl('DRYRUN', 'default', 'exec')) !== 'OK';
  } catch {
    return false; // we may not ask
  }
}

export function flawsOf(facts: Facts, options: RedisOptions): string[] {
  const { servers, minReplicas, dangerouslyWithoutAof, dangerouslyWithEviction } = options;
  const flaws: string[] = [];
  const version = facts.get('redis_version') ?? 'unknown';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < LEAST_VERSION[0] || (major === LEAST_VERSION[0] && minor < LEAST_VERSION[1]))
    flaws.push(`Redis ${version} is too old: ${LEAST_VERSION.join('.')} or later is needed`);
  if (facts.get('aof_enabled') !== '1' && !dangerouslyWithoutAof)
    flaws.push(
      'it keeps no append-only file, so a crash would revive what was killed: set appendonly yes (or dangerously_without_aof)',
    );
  const policy = facts.get('maxmemory_policy');
  if (policy !== 'noeviction' && !dangerouslyWithEviction)
    flaws.push(
      `it throws records away when its memory is full: set maxmemory-policy noeviction, not ${policy} (or dangerously_with_eviction)`,
    );
  if (facts.get('role') !== 'master') flaws.push('it is a replica: name the master, or use sentinels');
  const clustered = facts.get('cluster_enabled') === '1';
  if (clustered && servers.mode !== 'cluster') flaws.push('it is a node of a cluster: use store.cluster');
  if (!clustered && servers.mode === 'cluster') flaws.push('it is no node of a cluster: use store.url');
  const replicas = Number(facts.get('connected_slaves') ?? 0);
  if (replicas < minReplicas)
    flaws.push(`it has ${replicas} replicas, and min_replicas is ${minReplicas}: add some, or lower it`);
  return flaws;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
