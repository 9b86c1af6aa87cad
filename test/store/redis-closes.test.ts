// A process that has closed its store ends by itself, whatever was under way at that moment.
import { expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { TERMS } from '../contract/store/harness.js';
import { RedisCluster } from '../fixtures/redis/cluster.js';
import { hasRedis } from '../fixtures/redis/presence.js';
import { tied } from '../fixtures/tied.js';
import { redisOptions } from './redis-harness.js';

/** By then the nodes are being asked who has which slots, and do not answer. */
const UNDER_WAY_MS = 1_500;
const LIMIT_MS = 60_000;

(hasRedis ? test : test.skip)(
  'of a cluster whose nodes are being asked who has which slots',
  async () => {
    const redis = await RedisCluster.start();
    const options = JSON.stringify({ redis: redisOptions(redis, { commandTimeoutMs: 2_000 }), ...TERMS });
    const script = fileURLToPath(new URL('../fixtures/redis/closes.mjs', import.meta.url));
    const child = spawn(...tied(process.execPath, [script, options]), { stdio: ['pipe', 'pipe', 'inherit'] });
    try {
      const exited = once(child, 'exit');
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      expect(await lines.next()).toMatchObject({ value: 'open' });
      const nodes = await redis.masters();
      for (const node of nodes) node.pause();
      await new Promise((resolve) => setTimeout(resolve, UNDER_WAY_MS));
      child.stdin.write('close\n');
      expect(await lines.next()).toMatchObject({ value: 'closed' });
      const late = new Promise((resolve) => setTimeout(resolve, 10_000, 'it goes on').unref());
      expect(await Promise.race([exited, late])).toEqual([0, null]);
      for (const node of nodes) node.resume();
    } finally {
      child.kill('SIGKILL');
      await redis.close();
    }
  },
  LIMIT_MS,
);
