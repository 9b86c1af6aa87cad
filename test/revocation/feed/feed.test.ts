// The feed against a store: nothing is told late, nothing is left out, and nothing is promised that is not so.
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import type { JSONWebKeySet } from 'jose';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../../src/domain/duration.js';
import type { PrincipalName } from '../../../src/domain/ids.js';
import { Secret } from '../../../src/domain/secret.js';
import { KeyRing } from '../../../src/keys/key-ring.js';
import { Seal } from '../../../src/keys/seal.js';
import type { EndReason } from '../../../src/revocation/feed/index.js';
import { Feed } from '../../../src/revocation/feed/index.js';
import { StoreUnavailable } from '../../../src/store/store.js';
import { AGENT, OPERATOR, Scene, select } from '../../contract/store/scene.js';
import { eventsIn, FeedLog, signedIn } from '../../fixtures/feed-log.js';
import { until } from '../../fixtures/until.js';
import { embeddedHarness } from '../../store/embedded-harness.js';

const ISSUER = 'https://broker.example';
const HEARTBEAT_MS = 20;
const harness = embeddedHarness();
const VERIFIER = 'cluster/crm-api' as PrincipalName;

let scene: Scene;
let keys: KeyRing;
const opened: Feed[] = [];
beforeEach(async () => {
  scene = await Scene.open(harness);
  keys = await KeyRing.open({
    store: scene.store,
    seal: new Seal([new Secret(randomBytes(32).toString('base64'))]),
    clock: scene.clock,
    use: 'feed',
    algorithm: 'ES256',
    rotateEveryMs: 30 * DAY_MS,
    publishAheadMs: HOUR_MS,
    clockSkewMs: MINUTE_MS,
  });
});
afterEach(async () => {
  for (const feed of opened.splice(0)) feed.stop();
  await harness.close();
});

const QUIET = { info: () => {}, warn: () => {} };
async function open(more: Partial<Parameters<typeof Feed.open>[0]> = {}): Promise<Feed> {
  const options = { issuer: ISSUER, store: scene.store, keys, heartbeatMs: HEARTBEAT_MS, log: QUIET };
  const feed = await Feed.open({ ...options, ...more });
  opened.push(feed);
  return feed;
}
const jwks = (): JSONWebKeySet => keys.jwks();

/** A reader that keeps up. */
class Reader {
  readonly principal = VERIFIER;
  readonly log = new FeedLog(jwks());
  readonly frames: string[] = [];
  ended: EndReason | undefined;
  id = '';

  static async of(feed: Feed, after?: string): Promise<Reader> {
    const reader = new Reader();
    ({ id: reader.id } = await feed.subscribe(reader, after));
    return reader;
  }

  write(frame: Buffer): void {
    this.frames.push(frame.toString());
  }

  end(reason: EndReason): void {
    this.ended = reason;
  }

  /** Everything until a heartbeat that was made from here on. */
  async proven(): Promise<FeedLog> {
    const before = this.frames.length;
    await until('a heartbeat', () => this.frames.slice(before).some((frame) => frame.includes('heartbeat')));
    await this.read();
    return this.log;
  }

  async read(): Promise<void> {
    await this.log.read(eventsIn(this.frames.splice(0).join('')));
  }
}

const kill = (...[kind, name]: Parameters<typeof select>) => scene.revoke(select(kind, name));

describe('a reader', () => {
  test('has every kill in force from the beginning, and each that follows before its next heartbeat', async () => {
    await scene.task('before');
    await scene.closeTask('before');
    const feed = await open();
    const reader = await Reader.of(feed);
    await scene.task('run-1');
    await scene.task('run-1.child');
    const lease = await scene.issue('run-1');
    await kill('lease', lease.id);
    await scene.closeTask('run-1');
    await kill('agent', AGENT);
    const log = await reader.proven();
    for (const selector of ['task:before', 'task:run-1', `lease:${lease.id}`, `agent:${AGENT}`])
      expect([selector, log.has(ISSUER, selector)]).toEqual([selector, true]);
    // One for the tree.
    expect(log.has(ISSUER, 'task:run-1.child')).toBe(false);
    expect(log.last!.as_of).toBeGreaterThanOrEqual(await scene.store.now());
    const [[, cutoff] = []] = log.entries.get([...log.entries.keys()].at(-1)!)!;
    expect(cutoff).toEqual(expect.any(Number));
  });

  test('is told of many kills of one moment in one message', async () => {
    const feed = await open({ heartbeatMs: DAY_MS });
    const reader = await Reader.of(feed);
    await reader.read();
    for (let n = 0; n < 50; n++) await scene.task(`run-${n}`);
    await Promise.all(Array.from({ length: 50 }, (_, n) => scene.closeTask(`run-${n}`)));
    await until('all are told', async () => {
      await reader.read();
      return reader.log.entries.size === 50;
    });
    expect(reader.log.version).toBeLessThan(10);
  });

  test('learns no name that it does not know', async () => {
    const feed = await open();
    await scene.task('acquire-globex');
    await scene.closeTask('acquire-globex');
    await kill('agent', 'cluster/secret-agent');
    const reader = await Reader.of(feed);
    const { parts } = await feed.snapshot();
    const told = [...reader.frames, ...(await Promise.all(parts.map((part) => signedIn(part, jwks()))))];
    expect(JSON.stringify(told)).not.toMatch(/globex|secret-agent|task:|agent:/);
  });

  test('gets a large snapshot in parts, and what is killed meanwhile after it', async () => {
    const entries = Array.from({ length: 4500 }, (_, n) => ({
      ...select('task', `run-${n}`),
      cutoff: Infinity,
      at: 1,
      mootAt: scene.clock.now() + DAY_MS,
      by: OPERATOR,
    }));
    await scene.store.restoreRevocations(entries);
    const feed = await open();
    const [first, second] = [await Reader.of(feed), await Reader.of(feed)];
    await kill('tool', 'crm');
    const third = await Reader.of(feed);
    for (const reader of [first, second, third]) {
      const log = await reader.proven();
      expect([log.entries.size, log.signed[0]!.parts]).toEqual([4501, 2]);
    }
  });
});

describe('what is promised', () => {
  test('is not earlier than it was: by `now` nobody takes the feed for fresher than it is', async () => {
    const feed = await open();
    const before = await scene.store.now();
    const log = await (await Reader.of(feed)).proven();
    for (const { now, as_of: asOf } of log.signed) {
      expect(now).toBeGreaterThanOrEqual(before);
      expect(now).toBeGreaterThanOrEqual(asOf);
    }
  });

  test('is nothing at all while the store cannot be looked at; what was missed is there when it goes on', async () => {
    let ill = false;
    const store = {
      ...scene.store,
      asOf: () => (ill ? Promise.reject(new StoreUnavailable('gone')) : scene.store.asOf()),
    };
    const warn = jest.fn();
    const feed = await open({ store, log: { ...QUIET, warn } });
    const reader = await Reader.of(feed);
    await reader.proven();
    ill = true;
    await until('it is silent', () => warn.mock.calls.length > 0);
    await reader.read();
    const heartbeats = reader.log.signed.length;
    await kill('tool', 'crm');
    await until('several are left out', () => feed.silentForMs > 5 * HEARTBEAT_MS);
    await reader.read();
    expect([reader.log.signed.length, reader.log.has(ISSUER, 'tool:crm')]).toEqual([heartbeats, true]);
    await expect(
      feed.snapshot().then(
        () => 'a promise',
        (error: Error) => error.message,
      ),
    ).resolves.toBe('gone');
    expect(warn).toHaveBeenCalledTimes(1);
    ill = false;
    const log = await reader.proven();
    expect(log.signed.length).toBeGreaterThan(heartbeats);
  });
});

describe('whoever comes back', () => {
  test('to another broker gets what came since, and nothing else; wide kills always', async () => {
    const [here, there] = [await open(), await open()];
    for (const id of ['old', 'away', 'later']) await scene.task(id);
    await scene.closeTask('old');
    await kill('tool', 'mail');
    scene.clock.advance(2 * MINUTE_MS);
    const first = await Reader.of(here);
    const { lastId } = await first.proven();
    await scene.closeTask('away');
    const back = await Reader.of(there, lastId);
    const [[begin]] = [eventsIn(back.frames[0]!)];
    const snapshot = await signedIn(begin!.data, jwks());
    expect(snapshot.since).toBe(first.log.last!.as_of);
    await scene.closeTask('later');
    const log = await back.proven();
    const known = ['old', 'away', 'later'].map((id) => log.has(ISSUER, `task:${id}`));
    expect([...known, log.has(ISSUER, 'tool:mail')]).toEqual([false, true, true, true]);
  });

  test.each([
    ['after too long', (id: string) => id.replace(/\d+$/, (time) => String(Number(time) - 2 * HOUR_MS))],
    ['from another epoch', (id: string) => id.replace(/^[^.]+/, 'another')],
    ['from the future', (id: string) => id.replace(/\d+$/, (time) => String(Number(time) + HOUR_MS))],
    ['with nonsense', () => '../../etc.passwd'],
  ])('%s gets everything', async (_name, spoil) => {
    await scene.task('old');
    await scene.closeTask('old');
    const feed = await open();
    scene.clock.advance(10 * MINUTE_MS);
    const { lastId } = await (await Reader.of(feed)).proven();
    const back = await Reader.of(feed, spoil(lastId!));
    await back.read();
    expect([back.log.signed[0]!.since, back.log.has(ISSUER, 'task:old')]).toEqual([undefined, true]);
  });
});

describe('whoever comes back has been told', () => {
  test('of a kill that a store had lost, and got back long after it was committed', async () => {
    const [here, there] = [await open(), await open()];
    const at = await scene.store.now();
    scene.clock.advance(10 * MINUTE_MS);
    await there.snapshot();
    const { lastId } = await (await Reader.of(here)).proven();
    const mootAt = at + DAY_MS;
    const lost = { ...select('task', 'lost'), cutoff: Infinity, at, mootAt, by: OPERATOR };
    await scene.store.restoreRevocations([lost]);
    const back = await Reader.of(there, lastId);
    await back.read();
    expect([back.log.signed[0]!.since, back.log.has(ISSUER, 'task:lost')]).toEqual([
      expect.any(Number),
      true,
    ]);
  });

  test('of a kill that this broker alone knew when the store began a new epoch', async () => {
    let epoch = 'one';
    const store = { ...scene.store, asOf: async () => ({ ...(await scene.store.asOf()), epoch }) };
    const feed = await open({ store });
    await Reader.of(feed);
    await scene.task('run-1');
    await scene.closeTask('run-1');
    scene.clock.advance(10 * MINUTE_MS);
    // Another broker was there first, and has promised all that it knew.
    epoch = 'two';
    const lastId = `two.${await scene.store.now()}`;
    scene.clock.advance(1);
    await until('this one is there', async () => (await feed.snapshot()).epoch === 'two');
    const back = await Reader.of(feed, lastId);
    await back.read();
    expect([back.log.signed[0]!.since, back.log.has(ISSUER, 'task:run-1')]).toEqual([
      expect.any(Number),
      true,
    ]);
  });
});

describe('acknowledgements', () => {
  test('tell who goes by a kill, each by its own stream', async () => {
    const feed = await open();
    const [one, two] = [await Reader.of(feed), await Reader.of(feed)];
    const { at } = await kill('tool', 'crm');
    expect(feed.audience(at)).toEqual([{ principal: VERIFIER, connected: 2, applied: 0 }]);
    const log = await one.proven();
    await feed.acknowledge(VERIFIER, one.id, log.last!.as_of);
    expect(feed.audience(at)).toEqual([{ principal: VERIFIER, connected: 2, applied: 1 }]);
    await feed.acknowledge(VERIFIER, two.id, log.last!.as_of);
    expect(feed.audience(at)).toMatchObject([{ applied: 2, oldest: log.last!.as_of }]);
  });

  test('of another name, another stream, or a time that has not come are worth nothing', async () => {
    const feed = await open();
    const reader = await Reader.of(feed);
    const now = await scene.store.now();
    await feed.acknowledge('cluster/mail-api' as PrincipalName, reader.id, now);
    await feed.acknowledge(VERIFIER, 'no-such-stream', now);
    expect(feed.audience(1)).toMatchObject([{ applied: 0 }]);
    await feed.acknowledge(VERIFIER, reader.id, now + DAY_MS);
    expect(feed.audience(now + HOUR_MS)).toMatchObject([{ applied: 0 }]);
  });

  test('that come to another broker reach the one that has the stream, and both count everybody', async () => {
    // One store for two brokers of this process: what one says is heard by both, as on Redis.
    const said: string[] = [];
    const listeners: ((text: string) => void)[] = [];
    const shared = {
      ...scene.store,
      watch: (listener: Parameters<typeof scene.store.watch>[0]) => {
        listeners.push((text) => listener({ kind: 'peer', text }));
        return scene.store.watch(listener);
      },
      tellPeers: (text: string) => {
        said.push(text);
        for (const listener of listeners) listener(text);
        return Promise.resolve();
      },
    };
    const [a, b] = [await open({ store: shared }), await open({ store: shared })];
    const reader = await Reader.of(a);
    const { last } = await reader.proven();
    await b.acknowledge(VERIFIER, reader.id, last!.as_of);
    await until('both know', () =>
      [a, b].every((feed) => feed.audience(last!.as_of).some(({ applied }) => applied! > 0)),
    );
    expect(said.join()).not.toMatch(/eyJ/);
  });
});

test('a reader that is let go hears why, and nothing after it', async () => {
  const feed = await open();
  const reader = await Reader.of(feed);
  feed.release('trust_changed');
  const frames = reader.frames.length;
  await kill('tool', 'crm');
  expect([reader.ended, feed.streams, reader.frames.length]).toEqual(['trust_changed', 0, frames]);
});

test.each(['trust_changed', 'shutting_down'] as const)(
  'nobody is left over who was still waiting for the store when all were ended: %s',
  async (reason) => {
    const answers: (() => void)[] = [];
    const asked = new Promise<void>((resolve) => answers.push(resolve));
    const store = { ...scene.store, asOf: () => asked.then(() => scene.store.asOf()) };
    const feed = await open({ store });
    const subscribing = Reader.of(feed);
    if (reason === 'shutting_down') feed.stop();
    else feed.release(reason);
    answers[0]!();
    const reader = await subscribing;
    expect([reader.ended, feed.streams, feed.audience()]).toEqual([reason, 0, []]);
  },
);

test('a broker that was suspended passes no old look at the store off as a fresh one', async () => {
  const wall = jest.spyOn(Date, 'now');
  try {
    const feed = await open({ heartbeatMs: 5000 });
    const before = await feed.snapshot();
    // The monotonic clock stood still.
    wall.mockReturnValue(performance.timeOrigin + performance.now() + MINUTE_MS);
    scene.clock.advance(MINUTE_MS);
    const after = await feed.snapshot();
    expect(after.as_of).toBe(before.as_of + MINUTE_MS);
  } finally {
    wall.mockRestore();
  }
});

test('what is moot is forgotten', async () => {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'queueMicrotask', 'nextTick', 'performance'] });
  try {
    const feed = await open();
    await scene.task('run-1');
    await scene.closeTask('run-1');
    expect(feed.size).toBe(1);
    scene.clock.advance(DAY_MS);
    jest.advanceTimersByTime(MINUTE_MS);
  } finally {
    jest.useRealTimers();
  }
  await until('it is gone', () => opened[0]!.size === 0);
});
