// Redis beside a benchmark: one, or a cluster of three, that keeps its data as it does by default, an fsync every second.
import { RedisCluster } from '../../test/fixtures/redis/cluster.js';
import type { DeploymentTerms, RedisDeployment } from '../../test/fixtures/redis/deployment.js';
import { hasRedis } from '../../test/fixtures/redis/presence.js';
import { StandaloneRedis } from '../../test/fixtures/redis/standalone.js';
import type { Worker } from './contender.js';
import { cpuSecondsOf } from './server.js';

const TERMS: DeploymentTerms = { place: 'disk', appendfsync: 'everysec' };

export interface Redis extends Worker {
  readonly deployment: RedisDeployment;
  readonly port: number;
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

/** On the load generator's core: the servers that are measured have the other one to themselves. */
export async function startRedis(kind: 'redis' | 'cluster' = 'redis'): Promise<Redis> {
  if (!hasRedis) throw new Error('there is no redis-server here: --store embedded does without');
  const deployment = await (kind === 'cluster' ? RedisCluster.start(TERMS) : StandaloneRedis.start(TERMS));
  const pids = deployment.nodes.map(({ pid }) => pid);
  return {
    deployment,
    port: deployment.nodes[0]!.port,
    pids,
    cpuSeconds: () => pids.reduce((sum, pid) => sum + cpuSecondsOf(pid), 0),
    stop: () => deployment.close(),
  };
}

/** A number of INFO, of all nodes together. */
export async function sumOf({ deployment }: Redis, section: string, field: string): Promise<number> {
  const sections = await Promise.all(deployment.nodes.map((node) => node.info(section)));
  return sections.reduce((sum, fields) => sum + Number(fields[field]), 0);
}
