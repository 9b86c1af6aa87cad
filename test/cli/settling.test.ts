// The waiting after a wide kill: in sight, on real leases at a target in memory, and never longer than somebody wants.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Unsettled, unsettledFailure, untilSettled } from '../../src/cli/settling.js';
import { Secret } from '../../src/domain/secret.js';
import { Sweeper } from '../../src/revocation/sweeper.js';
import { MayflyError } from '../../src/sdk/client/index.js';
import { Scene, select } from '../contract/store/scene.js';
import { lanes } from '../fixtures/lanes.js';
import { ExternalTarget, TARGET_KIND } from '../fixtures/external-target.js';
import {
  type InPlaceOfBroker,
  type Respond,
  answering,
  inPlaceOfBroker,
} from '../fixtures/in-place-of-broker.js';
import { until } from '../fixtures/until.js';
import { embeddedHarness } from '../store/embedded-harness.js';
import { ran } from './fake-shell.js';

const left = (count: number, atLeast = false): Unsettled => ({ left: count, atLeast });

/** A terminal, or a pipe, that keeps what it is shown. */
function watcher(errorIsTerminal = true) {
  const shown: (string | undefined)[] = [];
  const lines: string[] = [];
  const interrupts: (() => void)[] = [];
  return {
    shown,
    lines,
    interrupt: () => interrupts[0]!(),
    shell: {
      errorIsTerminal,
      live: (line?: string) => void shown.push(line),
      err: (line: string) => void lines.push(line),
      onInterrupt: (listener: () => void) => {
        interrupts.push(listener);
        return () => {};
      },
    },
  };
}

describe('at a target in memory', () => {
  const harness = embeddedHarness();
  let scene: Scene;
  beforeEach(async () => {
    scene = await Scene.open(harness);
  });
  afterEach(() => harness.close());

  test('a person sees leases settle, one after the other, until none is left', async () => {
    const target = new ExternalTarget();
    const killing: (() => void)[] = [];
    target.beforeKill = () => new Promise((resolve) => killing.push(resolve));
    await scene.task('run');
    for (const _ of [1, 2, 3]) await target.mint(await scene.external('run', { kind: TARGET_KIND }));
    const { store } = scene;
    const sweeper = new Sweeper({
      store,
      minters: new Map([[TARGET_KIND, target]]),
      targets: lanes(scene.clock),
      unseal: (sealed) => sealed,
      clock: scene.clock,
      log: { error: () => {} },
    });
    await scene.revoke(select('all'));
    sweeper.wake();
    const { shell, shown } = watcher();
    const look = async () => left((await store.listLeases({ state: 'revoking', limit: 200 })).length);
    const waiting = untilSettled(shell, 3, look);
    for (const settled of [0, 1, 2]) {
      await until(`${settled} settled are shown`, () =>
        shown.some((line) => line?.startsWith(`settled ${settled} of 3`)),
      );
      await until('the target is asked', () => killing.length > 0);
      killing.shift()!();
    }
    expect(await waiting).toEqual({ settled: 3, left: 0, interrupted: false });
    expect(target.accounts.size).toBe(0);
    // The line is gone in the end.
    expect(shown.at(-1)).toBeUndefined();
    await sweeper.stop();
  }, 20_000);
});

test('Ctrl+C ends the waiting at once, and says that the kill stands', async () => {
  const { shell, interrupt, shown } = watcher();
  const waiting = untilSettled(shell, 5, () => Promise.resolve(left(4)));
  await until('it is shown', () => shown.length > 0);
  interrupt();
  const settled = await waiting;
  expect(settled).toEqual({ settled: 1, left: 4, interrupted: true });
  expect(unsettledFailure(settled, 0, '')?.message).toMatch(/the kill stands, and 4 are still/);
});

test('it waits no longer than it was told to, and a broker that is away for a moment does not end it', async () => {
  const { shell, lines } = watcher(false);
  let asked = 0;
  const settled = await untilSettled(
    shell,
    2,
    () =>
      asked++ === 0 ? Promise.reject(new MayflyError('ERR_UNAVAILABLE', 'busy')) : Promise.resolve(left(1)),
    700,
  );
  expect(settled).toEqual({ settled: 1, left: 1, interrupted: false });
  expect(asked).toBeGreaterThan(1);
  // In a pipe, a line every few seconds, and none for so short a time.
  expect(lines).toEqual([]);
  await expect(
    untilSettled(shell, 1, () => Promise.reject(new MayflyError('ERR_FORBIDDEN', 'no'))),
  ).rejects.toThrow('no');
});

const page = (...leases: object[]) => answering(200, { leases });

describe('mayfly revoke', () => {
  let server: InPlaceOfBroker | undefined;
  afterEach(() => server?.close());
  const KILLED = {
    select: { agent: 'a/b' },
    preview: false,
    dead: 4,
    settling: 2,
    at: '2026-01-01T00:00:00.000Z',
  };
  const lease = {
    id: 'lease_x',
    state: 'revoking',
    ended: { at: '2026-01-01T00:00:00.000Z', cause: 'agent' },
  };

  async function revoke(answers: readonly Respond[], args: readonly string[] = []) {
    server = await inPlaceOfBroker(...answers);
    const environment = { url: server.url, token: new Secret('a.b.c') };
    const all = ['revoke', '--agent', 'a/b', '--reason', 'odd', '--yes', ...args];
    return {
      ...(await ran(all, { environment, errorIsTerminal: true })),
      asked: server.seen.map(({ url }) => url),
    };
  }

  test('kills first, then waits in sight until every target has let go', async () => {
    const { exit, out, live, asked } = await revoke([
      answering(202, KILLED),
      page(lease, lease),
      page(lease),
      page(),
    ]);
    expect(exit).toBe(0);
    expect(out).toMatch(
      /being killed at targets +2 credentials\n[^]*all 2 have been killed at their targets\n$/,
    );
    expect(live).toEqual([
      expect.stringMatching(/^settled 0 of 2/),
      expect.stringMatching(/^settled 1 of 2, .*\/s/),
    ]);
    expect(asked.slice(0, 2)).toEqual(['/v1/revocations', '/v1/leases?agent=a%2Fb&state=revoking&limit=200']);
  });

  test('ends with 1, loudly, where a target does not let go', async () => {
    const { exit, err } = await revoke([
      answering(202, KILLED),
      page(),
      page({ ...lease, state: 'irrevocable' }),
    ]);
    expect(exit).toBe(1);
    expect(err).toMatch(
      /1 could NOT be killed at their targets: somebody must look there\n {2}which: mayfly lease list --agent a\/b --state irrevocable/,
    );
  });

  test.each([[{ agent: 'a/b' }], [{ task: 'run' }], [{ lease: 'lease_x' }]])(
    'of %j is not waited for after Ctrl+C, also while the broker does not answer',
    async (selector) => {
      let interrupt: (() => void) | undefined;
      server = await inPlaceOfBroker(answering(202, { ...KILLED, select: selector }), () => interrupt?.());
      const [[kind, name] = []] = Object.entries(selector);
      const environment = { url: server.url, token: new Secret('a.b.c') };
      const { exit, err } = await ran(['revoke', `--${kind}`, name!, '--reason', 'odd', '--yes'], {
        environment,
        interruptible: (given) => (interrupt = given),
      });
      expect([exit, err]).toEqual([1, expect.stringContaining('the kill stands, and 2 are still')]);
    },
    // Less than the client waits for an answer.
    10_000,
  );

  test.each([[['--no-wait']], [['--json']]])('does not wait with %j', async (args) => {
    const { exit, asked } = await revoke([answering(202, KILLED)], args);
    expect([exit, asked]).toEqual([0, ['/v1/revocations']]);
  });

  test('with --json --wait: what was killed, then how it ended', async () => {
    const { exit, out } = await revoke([answering(202, KILLED), page(), page()], ['--json', '--wait']);
    expect(exit).toBe(0);
    expect(
      out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([KILLED, { settled: 2, left: 0, irrevocable: 0 }]);
  });
});
