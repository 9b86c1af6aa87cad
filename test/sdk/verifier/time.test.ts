// No clock is trusted: a verifier is stale when it may be, and never accepts by what is older than allowed.
import { afterEach, describe, expect, test } from '@jest/globals';
import { Elapsed } from '../../../src/sdk/verifier/time/elapsed.js';
import { StoreTime } from '../../../src/sdk/verifier/time/store-time.js';
import { until } from '../../fixtures/until.js';
import { READ, VerifierScene } from './scene.js';

let scene: VerifierScene | undefined;
afterEach(async () => {
  await scene?.stop();
  scene = undefined;
});

const still = (): {
  clocks: { monotonic: () => number; wall: () => number };
  at: { m: number; w: number };
} => {
  const at = { m: 1000, w: 5000 };
  return { at, clocks: { monotonic: () => at.m, wall: () => at.w } };
};

describe('the time that has passed', () => {
  test('is what either clock says, whichever is more', () => {
    const { clocks, at } = still();
    const elapsed = new Elapsed(clocks);
    at.m += 100;
    expect(elapsed.most()).toBe(100);
    // The machine was suspended.
    at.w += 60_000;
    expect(elapsed.most()).toBe(60_000);
    // The wall clock was set back; what had passed has passed.
    at.w -= 3_600_000;
    at.m += 50;
    expect(elapsed.most()).toBe(60_050);
    // And it was suspended again, with the wall clock where it is now.
    at.m += 2000;
    elapsed.most();
    at.w += 32_000;
    expect(elapsed.most()).toBeGreaterThanOrEqual(90_000);
  });

  test('is not lengthened by the wall clock’s whole milliseconds', () => {
    const { clocks, at } = still();
    const elapsed = new Elapsed(clocks);
    for (let n = 0; n < 100_000; n++) {
      at.m += 0.1;
      at.w = 5000 + Math.ceil(n / 10);
      elapsed.most();
    }
    expect(elapsed.most()).toBeCloseTo(10_000, 0);
  });
});

describe('the store’s time', () => {
  test('is the smallest bound that was told, and no message that is shown again lowers it', () => {
    const at = { ms: 0 };
    const time = new StoreTime(new Elapsed({ monotonic: () => at.ms, wall: () => at.ms }));
    expect(time.now()).toBe(Infinity);
    const slow = time.moment();
    at.ms += 3000;
    expect(time.learn(1_000_000, slow)).toBe(true);
    expect(time.now()).toBeCloseTo(1_003_000, -1);
    time.reached(999_990);
    const quick = time.moment();
    at.ms += 10;
    expect(time.learn(1_000_010, quick)).toBe(true);
    expect(time.now()).toBeCloseTo(1_000_020, -1);
    at.ms += 60_000;
    expect(time.learn(1_000_010, time.moment())).toBe(false);
    expect(time.now()).toBeCloseTo(1_060_020, -2);
    time.forget();
    expect(time.now()).toBe(Infinity);
  });
});

test.each([-120_000, 120_000])('a clock that is %i ms wrong changes nothing', async (ms) => {
  scene = await VerifierScene.start({}, (feed) => {
    feed.skewMs = ms;
  });
  await scene.verifier.ready();
  expect(await scene.tried(scene.feed.credential())).toBe('accepted');
  expect(await scene.tried(scene.feed.credential({ exp: Math.floor(scene.feed.now() / 1000) }))).toBe(
    'ERR_EXPIRED',
  );
  expect(scene.verifier.stalenessMs).toBeLessThan(2000);
});

test('without heartbeats it is stale after its time, tells so, and recovers by itself', async () => {
  scene = await VerifierScene.start({ maxStalenessMs: 400 });
  const { feed, verifier } = scene;
  const token = feed.credential();
  feed.beating = false;
  feed.instead.set('/v1/revocations/stream', (_request, response) => response.writeHead(503).end());
  await scene.becomes(token, 'ERR_STALE');
  expect(verifier.status).toMatchObject({ ready: true, fresh: false });
  await scene.told('stale');
  await expect(verifier.verify(token, READ)).rejects.toMatchObject({
    status: 503,
    wwwAuthenticate: undefined,
  });
  feed.instead.clear();
  feed.beating = true;
  await scene.becomes(token, 'accepted');
  await scene.told('fresh');
});

test('a machine that slept wakes up stale, and reads what came meanwhile', async () => {
  scene = await VerifierScene.start();
  const { feed, clocks } = scene;
  const token = feed.credential({ exp: Math.floor(feed.now() / 1000) + 3600 });
  expect(await scene.tried(token)).toBe('accepted');
  feed.beating = false;
  // The monotonic clock stood still.
  clocks.wallMs += 60_000;
  expect(await scene.tried(token)).toBe('ERR_STALE');
  feed.skewMs += 60_000;
  feed.tamper = () => undefined;
  feed.kill('task', 'run-42');
  feed.tamper = (_event, wire) => wire;
  feed.cut();
  feed.beating = true;
  await scene.becomes(token, 'ERR_REVOKED');
});

test('a wall clock that jumps ahead refuses for a moment, until the time was asked for anew', async () => {
  scene = await VerifierScene.start();
  const token = scene.feed.credential({ exp: Math.floor(scene.feed.now() / 1000) + 7200 });
  scene.clocks.wallMs += 3_600_000;
  expect(await scene.tried(token)).toBe('ERR_STALE');
  await scene.becomes(token, 'accepted');
});

test('old messages that are shown again make nothing young', async () => {
  scene = await VerifierScene.start({ maxStalenessMs: 500 });
  const { feed, clocks } = scene;
  const token = feed.credential();
  const snapshot = feed.snapshotJws()[0]!;
  const heartbeat = feed.heartbeatJws();
  await until('newer ones came', () => feed.asked.length > 3 && scene!.verifier.status.connected);
  feed.beating = false;
  feed.instead.set('/v1/revocations/stream', (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(`event: snapshot\ndata: ${snapshot}\n\nevent: heartbeat\ndata: ${heartbeat}\n\n`);
  });
  feed.instead.set('/v1/revocations/acknowledgements', (_request, response) => response.writeHead(503).end());
  clocks.pass(1000);
  feed.cut();
  await scene.told('connected', 2);
  await scene.told('time_contradicted');
  expect(await scene.tried(token)).toBe('ERR_STALE');
});
