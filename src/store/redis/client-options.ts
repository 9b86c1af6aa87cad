// What the client library is told for each connection.
import type { ConnectionOptions } from 'node:tls';
import type { Cluster, ClusterOptions, Redis, RedisOptions as ClientOptions } from 'ioredis';
import type { RedisOptions, RedisTls } from './options.js';

export type Client = Redis | Cluster;

/** Calls; kills, which never queue behind calls; waiting for replicas, which holds up its connection; and news. */
export type Role = 'calls' | 'kills' | 'waits' | 'news';

export const CONNECT_TIMEOUT_MS = 2_000;
const LONGEST_RETRY_MS = 500;

const retryAfter = (times: number): number => Math.min(20 * 2 ** Math.min(times, 6), LONGEST_RETRY_MS);

export function clientOptions(options: RedisOptions, role: Role): ClientOptions & { replyMapping: 'legacy' } {
  const { username, password, tls, commandTimeoutMs, replicaTimeoutMs } = options;
  return {
    ...addressOf(options),
    connectionName: `mayfly-${role}`,
    protocol: 2,
    replyMapping: 'legacy',
    ...(username !== undefined && { username }),
    ...(password && { password: password.reveal() }),
    ...(tls && { tls: tlsOptions(tls) }),
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: commandTimeoutMs + (role === 'waits' ? replicaTimeoutMs : 0),
    keepAlive: 10_000,
    // A call is said again by whoever knows that it may have been heard: see slots.ts.
    autoResendUnfulfilledCommands: false,
    enableOfflineQueue: role === 'news',
    maxRetriesPerRequest: role === 'news' ? null : 0,
    retryStrategy: retryAfter,
    // By ourselves: the library leaves what it subscribes to anew without anybody to hear that it failed.
    autoResubscribe: false,
    // What is called in one turn of the loop goes out in one write all the same: measured, it costs a third less.
    enableAutoPipelining: false,
  };
}

type ClusterTerms = ClusterOptions & {
  redisOptions: NonNullable<ClusterOptions['redisOptions']> & { replyMapping: 'legacy' };
};

export function clusterOptions(options: RedisOptions, role: Role): ClusterTerms {
  const { retryStrategy: _, enableOfflineQueue: __, ...redisOptions } = clientOptions(options, role);
  return {
    redisOptions,
    clusterRetryStrategy: retryAfter,
    enableOfflineQueue: role === 'news',
    enableAutoPipelining: false,
    // By ourselves (`Connections`): the library's own goes on for ever where it is closed in the middle of one.
    slotsRefreshInterval: 0,
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    shardedSubscribers: role === 'news',
    // Certificates name hosts.
    ...(options.tls && { dnsLookup }),
  };
}

const dnsLookup: NonNullable<ClusterOptions['dnsLookup']> = (address, told) => told(null, address);

const tlsOptions = ({ ca, certificate, key, serverName }: RedisTls): ConnectionOptions => ({
  ...(ca !== undefined && { ca }),
  ...(certificate !== undefined && { cert: certificate }),
  ...(key && { key: key.reveal() }),
  ...(serverName !== undefined && { servername: serverName }),
});

function addressOf({ servers, tls }: RedisOptions): ClientOptions {
  if (servers.mode === 'standalone') return { host: servers.host, port: servers.port, db: servers.database };
  if (servers.mode === 'cluster') return {};
  const { sentinels, master, sentinelUsername, sentinelPassword } = servers;
  return {
    sentinels: [...sentinels],
    name: master,
    sentinelRetryStrategy: retryAfter,
    // Hears of a failover from the sentinels, and leaves a master that does not know yet that it is none.
    failoverDetector: true,
    ...(sentinelUsername !== undefined && { sentinelUsername }),
    ...(sentinelPassword && { sentinelPassword: sentinelPassword.reveal() }),
    ...(tls && { enableTLSForSentinelMode: true, sentinelTLS: tlsOptions(tls) }),
  };
}
