// Where the Redis is, and what is asked of it: what the configuration hands over.
import type { Secret } from '../../domain/secret.js';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export type RedisServers =
  | ({ readonly mode: 'standalone' } & Address & { readonly database: number })
  /** Any of its nodes: the others are learnt from it. */
  | { readonly mode: 'cluster'; readonly nodes: readonly Address[] }
  | {
      readonly mode: 'sentinel';
      readonly sentinels: readonly Address[];
      /** What the sentinels call the master. */
      readonly master: string;
      readonly sentinelUsername?: string;
      readonly sentinelPassword?: Secret;
    };

export interface RedisTls {
  /** PEM. Absent: those that Node trusts. */
  readonly ca?: string;
  /** PEM, with its key: shown to servers that ask for one. */
  readonly certificate?: string;
  readonly key?: Secret;
  /** The name that the servers' certificates are held to, where it is not the host's. */
  readonly serverName?: string;
}

export interface RedisOptions {
  readonly servers: RedisServers;
  /** What every key and channel begins with: one Redis may serve several brokers' stores. */
  readonly prefix: string;
  readonly username?: string;
  readonly password?: Secret;
  readonly tls?: RedisTls;
  /** So many replicas must have a kill or a close before it is acknowledged. */
  readonly minReplicas: number;
  /** How long they are waited for. */
  readonly replicaTimeoutMs: number;
  /** How long a call may take, a reconnection included, before the store counts as unavailable. */
  readonly commandTimeoutMs: number;
  /** Start although a crash of Redis would lose what it acknowledged. */
  readonly dangerouslyWithoutAof: boolean;
  /** Start although Redis would throw away records when its memory is full. */
  readonly dangerouslyWithEviction: boolean;
}
