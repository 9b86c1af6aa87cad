// What the embedded store's statements cost: none of those that run all the time looks at more than it has to.
import { afterEach, beforeEach, describe, expect, it, jest, test } from '@jest/globals';
import { DAY_MS, MINUTE_MS } from '../../src/domain/duration.js';
import { EmbeddedDatabase } from '../../src/store/embedded/database.js';

import { UNSETTLED } from '../../src/store/embedded/conditions.js';
import { AGENT, entry, PLANNER, PLENTY, Scene, select, taskId } from '../contract/store/scene.js';
import { embeddedHarness } from './embedded-harness.js';

const harness = embeddedHarness();
const spyOnSql = () => jest.spyOn(EmbeddedDatabase.prototype, 'sql');
let sql: ReturnType<typeof spyOnSql>;

beforeEach(() => {
  sql = spyOnSql();
});
afterEach(async () => {
  jest.restoreAllMocks();
  await harness.close();
});

/** The database that was used last. */
const database = (): EmbeddedDatabase => sql.mock.contexts.at(-1) as EmbeddedDatabase;
const planOf = (text: string): string[] =>
  database()
    .sql(`EXPLAIN QUERY PLAN ${text}`)
    .all()
    .map((row) => String(row['detail']));

/** Lines of plans that walk along a table or an index of it that holds all its rows. */
function walks(): string[] {
  return (
    [...new Set(sql.mock.calls.map(([text]) => text))]
      .filter((text) => !/^(EXPLAIN|BEGIN|COMMIT|PRAGMA)/.test(text))
      .flatMap((text) => planOf(text).map((line) => `${line} | ${text.replaceAll(/\s+/g, ' ')}`))
      .filter((line) =>
        /^SCAN (l|lease|t|task|audit|r|revocation|once|tree_context|principal_facts|denying_role|denied_session|seat)\b/.test(
          line,
        ),
      )
      .filter((line) => !line.startsWith('SCAN revocation USING INDEX revocation_to_walk'))
      // Once, when the store is opened, and a row for each role.
      .filter((line) => !line.startsWith('SCAN denying_role | UPDATE denying_role SET claimed_until = 0'))
      // These two hold nothing but external leases that are alive; a task's are found by its name.
      .filter(
        (line) => line.includes('l.task_id') || !/^SCAN l USING INDEX lease_(live|lapsing)\b/.test(line),
      )
      .filter((line) => !/SELECT sequence FROM audit ORDER BY sequence LIMIT/.test(line))
  );
}

const rowsWritten = (): number => Number(database().sql('SELECT total_changes() AS n').get()!['n']);

/** A session of a role that is given its seat, then denied, with a cut-off for all before it. */
async function deny({ store: { denials }, clock }: Scene, session: string): Promise<void> {
  const until = clock.now() + MINUTE_MS;
  const role = await denials.seat({ session, until }, ['reader'], 1000);
  await denials.add(role!, { session, mintedBy: clock.now(), until });
  const claim = await denials.claim(role!, MINUTE_MS, 0);
  await denials.raise(claim!, { before: clock.now(), until });
  await denials.read(claim!);
  await denials.release(claim!);
}

type Story = (scene: Scene) => Promise<unknown>;
const STORIES: [string, Story][] = [
  ['issuing', (scene) => scene.issue('run-1')],
  ['reserving and activating', (scene) => scene.external('run-1')],
  [
    'renewing',
    async (scene) => {
      const { id } = await scene.issue('run-1');
      await scene.store.renewLease(id, { agent: AGENT, ttlMs: MINUTE_MS, policyDigest: 'p' }, entry());
    },
  ],
  [
    'issuing on a context, signalling and reviewing',
    async (scene) => {
      const decidedOn = { version: 0, holding: 'data:internal:crm', principal: '{}' } as const;
      await scene.issue('run-1', { basis: { principal: 'digest' }, decidedOn });
      await scene.store.signalTask(taskId('run-1'), 'untrusted_content', 8, entry());
      for (const { root, version } of await scene.store.dueReviews(9, 0))
        await scene.store.concludeReview(root, version);
      await scene.store.principalFacts(taskId('run-1'), 'digest');
    },
  ],
  ['closing', (scene) => scene.closeTask('run-1')],
  ['revoking a lease', async (scene) => scene.revoke(select('lease', (await scene.issue('run-1')).id))],
  ['revoking an agent', (scene) => scene.revoke(select('agent', AGENT))],
  ['revoking a tool', (scene) => scene.revoke(select('tool', 'crm'))],
  ['revoking everything', (scene) => scene.revoke(select('all'))],
  ['counting what a kill of an agent ends', (scene) => scene.store.countSelected(select('agent', AGENT))],
  ['counting what a kill of everything ends', (scene) => scene.store.countSelected(select('all'))],
  [
    'counting what is alive and open, for a limit',
    async ({ store }) => {
      await store.countLive({ agent: AGENT }, 100, 1000);
      await store.countLive({ task: taskId('run-1') }, 100, 1000);
      await store.countOpenTasks(PLANNER, 100);
    },
  ],
  [
    'opening a child in a tree that has a limit',
    (scene) => scene.task('run-1.limited', { mostOpenInTree: 100 }),
  ],
  ['counting the leases of a task', (scene) => scene.store.countLeases(taskId('run-1'))],
  [
    'sweeping, claiming, settling and purging',
    async (scene) => {
      await scene.external('run-1');
      await scene.revoke(select('agent', AGENT));
      await scene.closeTask('run-1');
      await scene.settleAll();
      scene.clock.advance(400 * 86_400_000);
      await scene.sweep();
    },
  ],
  [
    'telling which leases of a status list are alive',
    async (scene) => {
      const { status } = await scene.issue('run-1', { listed: true });
      const before = await scene.store.statusList(status!.list);
      await scene.store.statusList(status!.list, before);
      await scene.store.statusLists();
    },
  ],
  [
    'giving a session its seat, denying it and forgetting it',
    async (scene) => {
      await deny(scene, 's1');
      scene.clock.advance(2 * DAY_MS);
      await scene.sweep();
    },
  ],
  ['listing an agent’s leases', (scene) => scene.store.listLeases({ agent: AGENT, limit: 9 })],
  ['listing a tree’s leases', (scene) => scene.store.listLeases({ task: 'run-1', limit: 9 })],
  ['a task’s audit trail', (scene) => scene.store.auditEvents({ task: 'run-1', limit: 9 })],
  ['an agent’s audit trail', (scene) => scene.store.auditEvents({ agent: AGENT, limit: 9 })],
];

describe('no statement walks along a table', () => {
  it.each(STORIES)('when %s', async (_, story) => {
    const scene = await Scene.open(harness);
    await scene.task('run-1');
    await story(scene);
    expect(sql.mock.calls.length).toBeGreaterThan(3);
    expect(walks()).toEqual([]);
  });
});

const rows = (): number[] =>
  ['denying_role', 'denied_session', 'seat'].map((table) =>
    Number(database().sql(`SELECT count(*) AS n FROM ${table}`).get()!['n']),
  );

test('of sessions that were denied nothing stays but one row of their role', async () => {
  const scene = await Scene.open(harness);
  for (let n = 0; n < 25; n++) await deny(scene, `session-${n}`);
  expect(rows()).toEqual([1, 25, 25]);
  scene.clock.advance(MINUTE_MS);
  // So much at most of each is forgotten by one transaction.
  await scene.store.sweep(10);
  expect(rows()).toEqual([1, 15, 25]);
  await scene.sweep();
  expect(rows()).toEqual([1, 0, 25]);
  scene.clock.advance(DAY_MS);
  await scene.sweep();
  expect(rows()).toEqual([1, 0, 0]);
});

describe('the cost of an end', () => {
  it('is not that of the task’s tokens: only its external leases are looked at', async () => {
    const scene = await Scene.open(harness);
    await scene.task('run-1');
    await scene.external('run-1');
    await scene.closeTask('run-1');
    await scene.settleAll();
    const asks = sql.mock.calls
      .map(([text]) => text)
      .filter((text) => text.includes(UNSETTLED) || text.includes('external = 1 AND l.state IN'));
    const looks = asks.flatMap(planOf).filter((line) => /^(SEARCH|SCAN) (lease|l)\b/.test(line));
    expect(looks.filter((line) => !/USING INDEX lease_(unsettled|live) \(task_id/.test(line))).toEqual([]);
    expect(new Set(looks.map((line) => line.split(' ')[4]))).toEqual(
      new Set(['lease_unsettled', 'lease_live']),
    );
  });

  const ENDS: [string, Story][] = [
    ['closing a task', (scene) => scene.closeTask('run-1')],
    ['revoking a task', (scene) => scene.revoke(select('task', 'run-1'))],
    ['revoking an agent', (scene) => scene.revoke(select('agent', AGENT))],
    ['revoking everything', (scene) => scene.revoke(select('all'))],
  ];
  it.each(ENDS)('of %s is the same for one lease as for thousands', async (_, end) => {
    const written: number[] = [];
    for (const leases of [1, 3_000]) {
      const scene = await Scene.open(harness);
      await scene.task('run-1');
      await Promise.all(Array.from({ length: leases }, () => scene.issue('run-1')));
      const before = rowsWritten();
      await end(scene);
      written.push(rowsWritten() - before);
      expect(await scene.store.listLeases({ state: 'revoked', limit: PLENTY })).toHaveLength(leases);
    }
    expect(written[1]).toBe(written[0]);
    expect(written[0]).toBeLessThan(6);
  });
});
