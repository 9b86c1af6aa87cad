// A feed with kills in it and credentials that are alive, in a process of its own: `startFeed` runs this very file.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { AUDIENCE, FeedServer } from '../../test/fixtures/feed-server.js';

export interface BenchFeed {
  readonly url: string;
  readonly audience: string;
  readonly jwk: object;
  readonly tokens: readonly string[];
}

const KILLS = 10_000;
const TASKS = 50;

/** @param tokens how many credentials */
export async function startFeed(tokens: number): Promise<BenchFeed & { stop(): void }> {
  const child = fork(fileURLToPath(import.meta.url), [String(tokens)], { execArgv: ['--import', 'tsx'] });
  const [feed] = (await once(child, 'message')) as [BenchFeed];
  return { ...feed, stop: () => void child.kill() };
}

async function serve(count: number): Promise<void> {
  const feed = await FeedServer.start();
  feed.heartbeatMs = 1000;
  for (let n = 0; n < KILLS; n++) feed.entries.push(feed.entry('lease', `dead-${n}`));
  const tokens = Array.from({ length: count }, (_, n) =>
    feed.credential({
      sub: `cluster/agent-${n % 20}`,
      task_id: `run-${n % TASKS}.summarise`,
      scope: 'read write',
      exp: Math.floor(feed.now() / 1000) + 3600,
    }),
  );
  process.send!({ url: feed.url, audience: AUDIENCE, jwk: feed.credentialKey.jwk, tokens });
}

if (process.argv[1] === fileURLToPath(import.meta.url) && process.send) await serve(Number(process.argv[2]));
