// From a store without mistakes to what opens it.
import { resolve } from 'node:path';
import type { RedisOptions, RedisServers, RedisTls } from '../store/redis/options.js';
import type { RedisFiles } from './redis-files.js';
import type { StoreSettings } from './settings.js';
import type { RedisConfiguration, StoreConfiguration } from './store-schema.js';
import { hostAndPort } from './values.js';

export function storeSettings(store: StoreConfiguration, folder: string, files: RedisFiles): StoreSettings {
  return store.kind === 'embedded'
    ? { kind: 'embedded', path: resolve(folder, store.path) }
    : { kind: 'redis', ...redisOptions(store, files) };
}

function redisOptions(store: RedisConfiguration, files: RedisFiles): RedisOptions {
  const tls = tlsOf(store, files);
  return {
    servers: serversOf(store, files),
    prefix: store.prefix,
    ...(store.username !== undefined && { username: store.username }),
    ...(files.password && { password: files.password }),
    ...(tls && { tls }),
    minReplicas: store.min_replicas,
    replicaTimeoutMs: store.replica_timeout,
    commandTimeoutMs: store.command_timeout,
    dangerouslyWithoutAof: store.dangerously_without_aof,
    dangerouslyWithEviction: store.dangerously_with_eviction,
  };
}

/** Exactly one of the three is there: anything else is a contradiction. */
function serversOf(store: RedisConfiguration, { sentinelPassword }: RedisFiles): RedisServers {
  const { url, cluster, sentinels = [], master = '', sentinel_username: sentinelUsername } = store;
  if (url) return { mode: 'standalone', host: url.host, port: url.port, database: url.database };
  if (cluster) return { mode: 'cluster', nodes: cluster.map((node) => hostAndPort(node)!) };
  return {
    mode: 'sentinel',
    sentinels: sentinels.map((sentinel) => hostAndPort(sentinel)!),
    master,
    ...(sentinelUsername !== undefined && { sentinelUsername }),
    ...(sentinelPassword && { sentinelPassword }),
  };
}

function tlsOf({ url, tls }: RedisConfiguration, { ca, certificate, key }: RedisFiles): RedisTls | undefined {
  if (!url?.tls && (tls === undefined || tls === false)) return undefined;
  const serverName = typeof tls === 'object' ? tls.server_name : undefined;
  return {
    ...(ca !== undefined && { ca }),
    ...(certificate !== undefined && { certificate }),
    ...(key && { key }),
    ...(serverName !== undefined && { serverName }),
  };
}
