// What is allowed and yet should not pass in silence: said at every start, and by `mayfly serve --check`.
import { isLoopback } from '../domain/loopback.js';
import type { Catalogue } from '../domain/tool.js';
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
  catalogue,
  ...edge
}: Pick<FixedSettings, 'store'> &
  Partial<Pick<FixedSettings, 'issuer' | 'tls' | 'trustedProxies'>> &
  Partial<Pick<SwappableSettings, 'limits' | 'catalogue'>>): readonly string[] => [
  ...edgeCautions(edge),
  ...storeCautions(store),
  ...(limits ? limitCautions(limits) : []),
  ...(catalogue ? [...planeCautions(catalogue), ...credentialCautions(catalogue)] : []),
];

/** A tool that looks at the scope alone would take a credential of one plane for one of the other (invariant 3). */
function planeCautions(catalogue: Catalogue): readonly string[] {
  const tools = catalogue.all();
  return tools.flatMap(({ name, plane, actions }, index) =>
    tools.slice(index + 1).flatMap((other) => {
      const shared = other.plane === plane ? [] : actions.filter((action) => other.actions.includes(action));
      return shared.length === 0
        ? []
        : [
            `tools: ${name} is of plane ${plane} and ${other.name} of ${other.plane}, and both call an action ${shared.join(', ')}: give each plane names of its own`,
          ];
    }),
  );
}

function credentialCautions(catalogue: Catalogue): readonly string[] {
  return catalogue.all().flatMap(({ name, credential }) => {
    if (credential.kind === 'postgres' && !credential.tls && !isLoopback(credential.host))
      return [
        `tools: ${name} has dangerously_without_tls: whoever is between here and ${credential.host} can do there what we can`,
      ];
    if (credential.kind === 'aws-sts' && credential.template.dangerouslyAllowTokenVending)
      return [
        `tools: ${name} has dangerously_allow_token_vending: what its agents get by that, no kill reaches`,
      ];
    return [];
  });
}

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
