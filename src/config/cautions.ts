// What is allowed and yet should not pass in silence: said at every start, and by `mayfly serve --check`.
import { isLoopback } from '../domain/loopback.js';
import type { RedisServers } from '../store/redis/options.js';
import { edgeCautions } from './edge-cautions.js';
import { limitCautions } from './limits-schema.js';
import type { FixedSettings, SwappableSettings } from './settings.js';

/**
 * One sentence for each thing that an operator may have meant, or may have overlooked.
 *
 * A Redis without TLS is a warning and not a switch: inside a private network it is usual, and a switch that
 * everybody must set tells nobody anything.
 */
export const cautionsAbout = ({
  store,
  limits,
  ...edge
}: Pick<FixedSettings, 'store'> &
  Partial<Pick<FixedSettings, 'issuer' | 'tls' | 'trustedProxies'>> &
  Partial<Pick<SwappableSettings, 'limits'>>): readonly string[] => [
  ...edgeCautions(edge),
  ...storeCautions(store),
  ...(limits ? limitCautions(limits) : []),
];

function storeCautions(store: FixedSettings['store']): readonly string[] {
  if (store.kind !== 'redis') return [];
  const cautions: string[] = [];
  const far = addressesOf(store.servers).find(({ host }) => !isLoopback(host));
  if (far && !store.tls) {
    const what = store.password ? 'the password and every record' : 'every record';
    cautions.push(`store: ${what} cross the network to ${far.host} in plain text: TLS is rediss:// or tls`);
  }
  if (far && !store.password && !store.tls?.certificate) {
    cautions.push(
      `store: no password is given for ${far.host}: whoever reaches it may be able to revive what was killed`,
    );
  }
  if (store.servers.mode !== 'standalone' && store.minReplicas === 0) {
    cautions.push('store: min_replicas is 0: a failover can lose a kill or a close that was acknowledged');
  }
  if (store.dangerouslyWithoutAof) {
    cautions.push('store: dangerously_without_aof: a crash of Redis can lose what was acknowledged');
  }
  if (store.dangerouslyWithEviction) {
    cautions.push('store: dangerously_with_eviction: a full Redis may throw records away, kills among them');
  }
  return cautions;
}

function addressesOf(servers: RedisServers): readonly { readonly host: string }[] {
  if (servers.mode === 'standalone') return [servers];
  return servers.mode === 'cluster' ? servers.nodes : servers.sentinels;
}
