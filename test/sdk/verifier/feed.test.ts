// A verifier follows the feed through whatever happens to it: what is dead stays dead, and it recovers by itself.
import { afterEach, describe, expect, test } from '@jest/globals';
import { Verifier, type VerifierOptions } from '../../../src/sdk/verifier/index.js';
import { signingKey } from '../../fixtures/feed-server.js';
import { until } from '../../fixtures/until.js';
import { VerifierScene } from './scene.js';

let scene: VerifierScene;
afterEach(() => scene.stop());

/** A heartbeat that came after the latest change has been acknowledged. */
function borneOut(): Promise<unknown> {
  const { feed } = scene;
  const borneOutBy = (one: Record<string, unknown>): boolean => Number(one['as_of']) >= feed.changedAt;
  return until('borne out', () => feed.acknowledged.some(borneOutBy));
}

describe('a kill', () => {
  test.each([
    ['task', 'run-42'],
    ['agent', 'cluster/agent-7'],
    ['tool', 'crm'],
    ['trust', 'cluster'],
    ['key', 'cred-1'],
    ['all', ''],
  ] as const)('of %s %s is heard at once, before any heartbeat', async (kind, name) => {
    scene = await VerifierScene.start();
    const token = scene.feed.credential({ task_id: 'run-42.summarise' });
    expect(await scene.tried(token)).toBe('accepted');
    scene.feed.beating = false;
    scene.feed.kill(kind, name, kind === 'task' || kind === 'key' ? null : scene.feed.now() + 1);
    await scene.becomes(token, 'ERR_REVOKED', 1000);
  });

  test('leaves alone what it does not name, and what was issued after its cut-off', async () => {
    scene = await VerifierScene.start();
    const before = scene.feed.credential();
    scene.feed.kill('agent', 'cluster/agent-7', scene.feed.now());
    await scene.becomes(before, 'ERR_REVOKED');
    await until('later', () => scene.feed.now() > Number(scene.feed.entries[0]![1]));
    expect(await scene.tried(scene.feed.credential())).toBe('accepted');
    expect(await scene.tried(scene.feed.credential({ sub: 'cluster/agent-8' }))).toBe('accepted');
  });

  test('is acknowledged once a heartbeat bore it out', async () => {
    scene = await VerifierScene.start();
    const { feed } = scene;
    feed.kill('task', 'run-1');
    await borneOut();
    expect(feed.acknowledged.at(-1)).toMatchObject({ stream: 's1', epoch: 'e1' });
  });
});

const withOther = (_first: string, letter: string): string => `["${letter === '_' ? '-' : '_'}`;

describe('it reads everything anew, and keeps what was said dead until then, when', () => {
  test.each<[string, (scene: VerifierScene) => void]>([
    [
      'a change was lost',
      ({ feed }) => {
        feed.tamper = (event, wire) => (event === 'change' ? undefined : wire);
        feed.kill('task', 'run-lost');
        feed.tamper = (_event, wire) => wire;
      },
    ],
    [
      'a change was altered',
      ({ feed }) => {
        feed.tamper = (event, wire) => (event === 'change' ? wire.replace(/\["(.)/, withOther) : wire);
        feed.kill('task', 'run-altered');
        feed.tamper = (_event, wire) => wire;
      },
    ],
    [
      'a change was forged',
      ({ feed }) =>
        feed.send(
          'change',
          JSON.stringify({ version: feed.version + 1, entries: [feed.entry('task', 'x')] }),
        ),
    ],
    [
      'a change cannot be read',
      ({ feed }) => feed.send('change', '{"version":1,"entries":[["short",null,1]]}'),
    ],
    ['a heartbeat is of another key', ({ feed }) => feed.heartbeat({}, signingKey('feed-1'))],
    ['a heartbeat is of another feed', ({ feed }) => feed.heartbeat({ feed: 'feed-b' })],
    ['a heartbeat is of another issuer', ({ feed }) => feed.heartbeat({ iss: 'https://other.example' })],
    ['a heartbeat has another chain', ({ feed }) => feed.heartbeat({ chain: 'other' })],
    ['a credential key signed it', ({ feed }) => feed.heartbeat({}, feed.credentialKey)],
    ['a second snapshot comes', ({ feed }) => feed.send('snapshot', feed.snapshotJws()[0]!)],
    [
      'what comes is no UTF-8',
      ({ feed }) => {
        for (const stream of feed.streams) stream.write(Buffer.from([0xff, 0xfe, 0x0a]));
      },
    ],
    ['the broker says so', ({ feed }) => feed.send('end', '{"reason":"resync"}')],
  ])('%s', async (_name, wrong) => {
    scene = await VerifierScene.start();
    const token = scene.feed.credential();
    wrong(scene);
    await scene.told('connected', 2);
    expect(scene.feed.resumedFrom).toEqual([undefined, undefined]);
    expect(await scene.tried(token)).toBe('accepted');
    scene.feed.kill('task', 'run-42');
    await scene.becomes(token, 'ERR_REVOKED');
  });
});

test('a forged kill counts until the next whole snapshot, and no longer', async () => {
  scene = await VerifierScene.start();
  const token = scene.feed.credential();
  const { feed } = scene;
  feed.beating = false;
  const forged = { version: feed.version + 1, entries: [feed.entry('task', 'run-42')] };
  feed.send('change', JSON.stringify(forged));
  await scene.becomes(token, 'ERR_REVOKED');
  feed.beating = true;
  await scene.becomes(token, 'accepted');
  expect(scene.kinds('resynchronised')).toHaveLength(1);
});

test('what was said dead stays so at a broker that has not heard of it, until that must have', async () => {
  scene = await VerifierScene.start({ maxStalenessMs: 60_000 });
  const { feed } = scene;
  const token = feed.credential();
  feed.beating = false;
  feed.kill('task', 'run-42');
  await scene.becomes(token, 'ERR_REVOKED');
  feed.entries.pop();
  feed.lagMs = 10_000;
  feed.cut();
  await until('it reads on', () => scene.kinds('connected').length + scene.kinds('resumed').length === 2);
  expect(await scene.tried(token)).toBe('ERR_REVOKED');
  feed.lagMs = 0;
  feed.beating = true;
  await scene.becomes(token, 'accepted');
});

test('a forged kill that comes in one piece with a heartbeat is not borne out by it', async () => {
  scene = await VerifierScene.start();
  const { feed } = scene;
  const token = feed.credential();
  feed.beating = false;
  const forged = JSON.stringify({ version: 0, entries: [feed.entry('task', 'run-42')] });
  feed.tamper = (event, wire) => (event === 'heartbeat' ? `${wire}event: change\ndata: ${forged}\n\n` : wire);
  feed.heartbeat();
  feed.tamper = (_event, wire) => wire;
  await scene.told('resynchronised');
  feed.beating = true;
  await scene.becomes(token, 'accepted');
});

test('a forged kill of the feed’s own key does not keep it from reading the truth', async () => {
  scene = await VerifierScene.start();
  const { feed } = scene;
  feed.send('change', JSON.stringify({ version: 1, entries: [feed.entry('key', 'feed-1')] }));
  await scene.told('connected', 2);
  await scene.becomes(feed.credential(), 'accepted');
});

test('once the feed’s key is killed, nothing that it signs is believed', async () => {
  scene = await VerifierScene.start({ maxStalenessMs: 300 });
  const { feed } = scene;
  const token = feed.credential();
  feed.kill('key', 'feed-1');
  await scene.becomes(token, 'ERR_STALE');
  const old = feed.feedKey;
  feed.feedKey = signingKey('feed-2');
  feed.published.feed = [old, feed.feedKey];
  await scene.becomes(token, 'accepted', 8000);
});

test('a connection that breaks is resumed from what was proven, in the middle of an event as well', async () => {
  scene = await VerifierScene.start();
  const { feed } = scene;
  const token = feed.credential();
  for (const stream of feed.streams) stream.write('event: change\ndata: {"version":1,"ent');
  feed.cut();
  feed.kill('task', 'run-42');
  await scene.told('resumed');
  expect(feed.resumedFrom[1]).toMatch(/^e1\.\d+$/);
  expect(await scene.tried(token)).toBe('ERR_REVOKED');
});

test('a resumption that begins too late is not taken: it starts anew', async () => {
  scene = await VerifierScene.start({}, (feed) => {
    feed.heartbeatMs = 20;
  });
  const { feed } = scene;
  await scene.verifier.ready();
  const snapshots = feed.snapshotJws.bind(feed);
  feed.snapshotJws = (members) =>
    snapshots(members && 'since' in members ? { since: feed.now() + 1000 } : members);
  feed.cut();
  await scene.told('resynchronised');
  await scene.told('connected', 2);
});

test('events that are cut anywhere, comments and other line ends are read as they are meant', async () => {
  scene = await VerifierScene.start();
  const { feed } = scene;
  const token = feed.credential();
  feed.tamper = (event, wire) => {
    const text = `: waiting\r\n${wire.replaceAll('\n', '\r\n')}`;
    if (event !== 'change') return text;
    for (const stream of feed.streams) {
      for (const character of text.slice(0, -1)) stream.write(character);
    }
    return text.slice(-1);
  };
  feed.kill('task', 'run-42');
  await scene.becomes(token, 'ERR_REVOKED');
  await borneOut();
  expect(scene.kinds('resynchronised')).toEqual([]);
});

test('a snapshot in many parts is complete with the last of them, and not before', async () => {
  let withheld: string | undefined;
  scene = await VerifierScene.start({}, (feed) => {
    feed.partSize = 2;
    for (let n = 0; n < 7; n++) feed.entries.push(feed.entry('task', `run-${n}`));
    let parts = 0;
    feed.tamper = (event, wire) => {
      if (event === 'heartbeat') return undefined;
      if (++parts < 4) return wire;
      withheld ??= wire;
      return undefined;
    };
  });
  const { feed } = scene;
  const dead = feed.credential({ task_id: 'run-3' });
  await until('three parts went', () => withheld);
  expect(await scene.tried(dead)).toBe('ERR_STALE');
  expect(scene.verifier.status).toMatchObject({ ready: false, fresh: false, stalenessMs: Infinity });
  for (const stream of feed.streams) stream.write(withheld!);
  await scene.verifier.ready();
  expect(await scene.tried(dead)).toBe('ERR_REVOKED');
  expect(await scene.tried(feed.credential())).toBe('accepted');
});

test('a stream that falls silent is given up, whatever else it sends', async () => {
  scene = await VerifierScene.start();
  const { feed } = scene;
  await until('a heartbeat', () => feed.acknowledged.length > 0);
  feed.tamper = (event, wire) => (event === 'heartbeat' ? ': still here\n\n' : wire);
  await scene.told('disconnected');
  expect(scene.kinds('disconnected')[0]!.reason).toMatch(/^nothing signed came for \d+ ms$/);
  feed.tamper = (_event, wire) => wire;
  await scene.told('resumed');
});

test('a store that lost its state is followed, and never the one that it left', async () => {
  scene = await VerifierScene.start();
  const { feed } = scene;
  // What was issued before is not of the future by the new time.
  const token = feed.credential({ nbf: 1 });
  feed.kill('task', 'run-42');
  await scene.becomes(token, 'ERR_REVOKED');
  await borneOut();
  // Its time is behind, and it has forgotten the kill: verifiers have not.
  Object.assign(feed, { epoch: 'e2', entries: [], version: 0, skewMs: -60_000 });
  feed.cut();
  await scene.told('connected', 2);
  expect(await scene.tried(token)).toBe('ERR_REVOKED');
  expect(await scene.tried(feed.credential({ task_id: 'run-43' }))).toBe('accepted');
  feed.epoch = 'e1';
  feed.cut();
  await scene.told('resynchronised');
  expect(scene.events.at(-1)!.reason).toBe('of a store that was left behind');
});

test('what can concern nothing alive is forgotten, by the store’s time', async () => {
  scene = await VerifierScene.start();
  const { feed, verifier } = scene;
  feed.change([[feed.entry('task', 'run-1')[0], null, feed.now() + 5000], feed.entry('task', 'run-2')]);
  await until('both are known', () => verifier.status.kills === 2);
  await borneOut();
  // A clock that runs ahead here forgets nothing.
  scene.clocks.pass(3_600_001);
  await until('a heartbeat later', () => verifier.status.connected);
  expect(verifier.status.kills).toBe(2);
  feed.entries = [];
  feed.skewMs += 60_000;
  await until('one is forgotten', () => verifier.status.kills === 1);
});

const status =
  (code: number): ((feed: VerifierScene['feed']) => void) =>
  ({ instead }) =>
    void instead.set('/v1/revocations/stream', (_request, response) => response.writeHead(code).end());

describe('whoever waits until it is ready is told why it is not, when', () => {
  test.each<[string, string, Partial<VerifierOptions>, ((feed: VerifierScene['feed']) => void)?]>([
    ['it may not read the feed', 'has not the role verifier', {}, status(403)],
    ['its token is not accepted', 'the workload token is not accepted', {}, status(401)],
    ['something else answers', 'there is no feed at that address', {}, status(404)],
    ['nothing listens', 'nothing listens there', { broker: 'http://127.0.0.1:2' }],
    [
      'the broker has another name',
      'the broker calls itself "http://127.0.0.1:',
      { issuer: 'http://localhost:1' },
    ],
  ])('%s', async (_what, why, options, prepare = () => undefined) => {
    scene = await VerifierScene.start(options, prepare);
    await until('it has tried', () => scene.events.some(({ kind }) => /^(?:disc|resync)/.test(kind)));
    await expect(scene.verifier.ready({ timeoutMs: 1 })).rejects.toThrow(why);
  });
});

test('a verifier without tools is told so', async () => {
  scene = await VerifierScene.start();
  const mistaken = { broker: 'http://127.0.0.1:2', token: 'x' } as unknown as VerifierOptions;
  expect(() => new Verifier(mistaken)).toThrow('tools: there is none');
});
