// Looks into Redis from outside: what each kind of key takes, and how late the oldest work is that is due.
import type { RedisServer } from '../../test/fixtures/redis/server.js';
import type { Redis } from './redis.js';

const SCAN_AT_ONCE = '1000';

export interface KeyCost {
  readonly keys: number;
  readonly bytes: number;
}

/** Exactly, by the kind of key: the name behind the hash tag, up to a colon. */
export async function memoryByKind({ deployment }: Redis): Promise<ReadonlyMap<string, KeyCost>> {
  const costs = new Map<string, KeyCost>();
  for (const node of deployment.nodes) {
    for (const key of await keysOf(node)) {
      const bytes = Number(await node.cli('MEMORY', 'USAGE', key, 'SAMPLES', '0'));
      const kind = kindOf(key);
      const { keys, bytes: before } = costs.get(kind) ?? { keys: 0, bytes: 0 };
      costs.set(kind, { keys: keys + 1, bytes: before + bytes });
    }
  }
  return costs;
}

const kindOf = (key: string): string => /\}:([^:]+)/.exec(key)?.[1] ?? key;

async function keysOf(node: RedisServer): Promise<string[]> {
  const keys = new Set<string>();
  let cursor = '0';
  do {
    const [next, some] = (await node.cli('SCAN', cursor, 'COUNT', SCAN_AT_ONCE)) as [string, string[]];
    for (const key of some) keys.add(key);
    cursor = next;
  } while (cursor !== '0');
  return [...keys];
}
