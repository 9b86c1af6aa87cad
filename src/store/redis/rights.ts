// The rights that a broker's user needs, and how to ask Redis whether it has them without doing anything.
import type { Redis } from 'ioredis';

const SHA = '0'.repeat(40);

/** Each with arguments that are well formed: Redis looks at those before it looks at rights. docs/operations.md lists them. */
const RIGHTS: Readonly<Record<string, (key: string, channel: string) => readonly string[]>> = {
  ping: () => [],
  info: () => [],
  time: () => [],
  wait: () => ['0', '1'],
  'client|setname': () => ['mayfly'],
  evalsha: (key) => [SHA, '1', key],
  eval: (key) => ['return 1', '1', key],
  get: (key) => [key],
  set: (key) => [key, '1'],
  del: (key) => [key],
  exists: (key) => [key],
  hget: (key) => [key, 'f'],
  hset: (key) => [key, 'f', '1'],
  hsetnx: (key) => [key, 'f', '1'],
  hdel: (key) => [key, 'f'],
  hmget: (key) => [key, 'f'],
  hgetall: (key) => [key],
  hvals: (key) => [key],
  hexists: (key) => [key, 'f'],
  rpush: (key) => [key, '1'],
  lpush: (key) => [key, '1'],
  lpop: (key) => [key],
  lindex: (key) => [key, '0'],
  llen: (key) => [key],
  lrange: (key) => [key, '0', '1'],
  zadd: (key) => [key, '1', 'm'],
  zrem: (key) => [key, 'm'],
  zscore: (key) => [key, 'm'],
  zcard: (key) => [key],
  zscan: (key) => [key, '0'],
  zrange: (key) => [key, '0', '1'],
  zrevrange: (key) => [key, '0', '1'],
  zrangebyscore: (key) => [key, '0', '1'],
  zrevrangebyscore: (key) => [key, '1', '0'],
  zlexcount: (key) => [key, '-', '+'],
  zrangebylex: (key) => [key, '-', '+'],
  xadd: (key) => [key, '*', 'f', '1'],
  xrange: (key) => [key, '-', '+'],
  xrevrange: (key) => [key, '+', '-'],
  xtrim: (key) => [key, 'MAXLEN', '1'],
  ssubscribe: (_key, channel) => [channel],
  sunsubscribe: (_key, channel) => [channel],
  spublish: (_key, channel) => [channel, '1'],
};

export const NEEDED_RIGHTS = Object.keys(RIGHTS);

/** Those of them that the user lacks; undefined where it may not ask. */
export async function lackingRights(
  server: Redis,
  user: string,
  key: string,
  channel: string,
): Promise<readonly string[] | undefined> {
  const lacking: string[] = [];
  for (const [right, argumentsFor] of Object.entries(RIGHTS)) {
    let answer: unknown;
    try {
      const args = [...right.split('|'), ...argumentsFor(key, channel)];
      answer = await server.call('ACL', 'DRYRUN', user, ...args);
    } catch {
      return undefined;
    }
    if (answer !== 'OK') lacking.push(right);
  }
  return lacking;
}
