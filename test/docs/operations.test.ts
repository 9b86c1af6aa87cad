// The drills of docs/operations.md, run as they stand on the page: what an operator copies into a terminal works.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { freePort } from '../../examples/demo/port.js';
import { openRedisStore } from '../../src/store/redis/redis-store.js';
import { TERMS } from '../contract/store/harness.js';
import { entry, granted, newTask, OPERATOR, select, tokenRequest } from '../contract/store/scene.js';
import { RedisCluster } from '../fixtures/redis/cluster.js';
import { hasRedis } from '../fixtures/redis/presence.js';
import { QUIET, redisOptions } from '../store/redis-harness.js';

const page = readFileSync('docs/operations.md', 'utf8');

/** What it wrote. @throws where a command of it fails, with all that was said. */
async function drill(heading: string, variables: Record<string, string>): Promise<string> {
  const blocks = ['Before both', heading].flatMap(blocksBelow);
  expect(blocks.length).toBeGreaterThan(10);
  const { exit, out, err } = await run(blocks, variables);
  if (exit !== 0) throw new Error(`the drill ended with ${exit}:\n${out}\n${err}`);
  return out;
}

/** What a drill says of its credential, in its order. */
const told = (out: string): string[] => out.match(/^(?:alive|dead|alive again|still dead)$/gm) ?? [];

/** The shell blocks below a heading, up to the next one, in their order. */
function blocksBelow(heading: string): string[] {
  const [, section = ''] = page.split(`\n### ${heading}\n`);
  const [own = ''] = section.split(/^##/m);
  return [...own.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block);
}

let folder: string;
let group: number | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mayfly-drill-'));
  // What npm would put there.
  writeFileSync(join(folder, 'mayfly'), `#!/bin/sh\nexec node ${resolve('dist/cli/mayfly.js')} "$@"\n`, {
    mode: 0o755,
  });
});
/** Brokers that a drill which failed has left behind: its own process group, and nothing else. */
function endGroup(): void {
  try {
    if (group !== undefined) process.kill(-group, 'SIGKILL');
  } catch {
    // They are gone, as they should be.
  }
}
afterEach(() => {
  endGroup();
  rmSync(folder, { recursive: true, force: true });
});

/** Ends at the first command that fails, as somebody at a terminal would. */
async function run(blocks: readonly string[], variables: Record<string, string>) {
  const path = [folder, process.env['PATH']].join(delimiter);
  const child = spawn('bash', ['-euxo', 'pipefail', '-c', blocks.join('\n')], {
    cwd: folder,
    env: { PATH: path, NODE_NO_WARNINGS: '1', ...variables },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  group = child.pid;
  const written = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (written.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (written.err += text));
  // What is left of a drill that failed would hold its output open, and nobody would be told why it failed.
  child.once('exit', endGroup);
  const exit = await new Promise<number | null>((done, failed) =>
    child.once('close', done).once('error', failed),
  );
  return { exit, ...written };
}

describe('the recovery drill', () => {
  test('with the embedded store: what the backup revived is dead in the end, and work goes on', async () => {
    const out = await drill('With the embedded store', { PORT: String(await freePort()) });
    expect(told(out)).toEqual(['alive', 'dead', 'alive again', 'dead', 'alive']);
    expect(out).toMatch(/closed +1 task, with all below/);
  }, 120_000);

  (hasRedis ? test : test.skip)(
    'with Redis: brokers that run mend it, and where none ran, the recovery does; its user may do what is needed',
    async () => {
      const ports = { PORT: await freePort(), OTHER_PORT: await freePort(), REDIS_PORT: await freePort() };
      const variables = Object.entries(ports).map(([name, port]) => [name, String(port)]);
      const out = await drill('With Redis', Object.fromEntries(variables) as Record<string, string>);
      expect(told(out)).toEqual(['alive', 'dead', 'dead', 'still dead', 'alive again', 'dead', 'alive']);
      expect(out).toMatch(/closed +1 task, with all below/);
    },
    120_000,
  );
});

/** As in `+hset` and `+client|setname`. */
const rightsIn = (text: string): string[] =>
  [...text.matchAll(/\+([a-z]+(?:\|[a-z]+)?)(?![\w@])/g)].map(([, right = '']) => right);

describe("the broker's user of Redis", () => {
  const lines = [...page.matchAll(/^user mayfly on .*$/gm)].map(([line]) => line);

  test('has the same rights wherever the page says them', () => {
    expect(lines).toHaveLength(2);
    expect(rightsIn(lines[0]!)).toEqual(rightsIn(lines[1]!));
  });

  test('may call what the scripts call, and nothing that nobody calls', () => {
    const lua = 'src/store/redis/lua';
    const scripts = readdirSync(lua, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.lua'))
      .map((name) => readFileSync(join(lua, name), 'utf8'));
    const called = scripts.flatMap((script) =>
      [...script.matchAll(/redis\.call\('([A-Z]+)'/g)].map(([, command = '']) => command.toLowerCase()),
    );
    const byTheClient = [
      'ping',
      'info',
      'wait',
      'client|setname',
      'acl|dryrun',
      'evalsha',
      'eval',
      'ssubscribe',
      'sunsubscribe',
    ];
    expect(new Set(rightsIn(lines[0]!))).toEqual(new Set([...called, ...byTheClient]));
  });

  (hasRedis ? test : test.skip)(
    'needs no more than that on a cluster either, with what the page adds',
    async () => {
      const [, more = ''] = /For a cluster, add `([^`]+)`/.exec(page) ?? [];
      const rights = [...rightsIn(lines[0]!), ...rightsIn(more)].map((right) => `+${right}`);
      const cluster = await RedisCluster.start({ userFor: 'mayfly', withReplicas: true });
      try {
        for (const node of cluster.nodes) {
          await node.cli('ACL', 'SETUSER', 'broker', '-@all', ...rights);
          await node.cli('ACL', 'LOG', 'RESET');
        }
        const redis = redisOptions(cluster, { minReplicas: 1 });
        const store = await openRedisStore({ redis, ...TERMS, log: QUIET });
        granted(await store.openTask(newTask('run'), entry('task.open')));
        granted(await store.issueLease(tokenRequest('run'), entry('token.exchange')));
        await store.revoke({ select: select('all'), by: OPERATOR }, entry('revocation.create'));
        expect(await store.ailment()).toBeUndefined();
        await store.close();
        for (const node of cluster.nodes) expect(await node.cli('ACL', 'LOG')).toEqual([]);
      } finally {
        await cluster.close();
      }
    },
    60_000,
  );
});

test('every line of the log that the page explains is one that the broker writes', () => {
  const sources = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(join('src', name), 'utf8'))
    .join('\n');
  const explained = [...page.matchAll(/^\| `([^`]+)` \| [345]0 \|/gm)].map(([, line = '']) => line);
  expect(explained.length).toBeGreaterThan(10);
  expect(explained.filter((line) => !sources.includes(line))).toEqual([]);
});
