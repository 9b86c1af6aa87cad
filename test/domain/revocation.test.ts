// The set of revocations against the plainest model of it: a list, of which the first that names the lease killed it.
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { selectorDigest, selectorsOf } from '../../src/domain/feed.js';
import type { LeaseId, PrincipalName, TaskId } from '../../src/domain/ids.js';
import { lineageOf } from '../../src/domain/ids.js';
import { standing } from '../../src/domain/lease.js';
import type { Revocation, Selectable } from '../../src/domain/revocation.js';
import { RevocationSet } from '../../src/domain/revocation.js';
import type { SelectorKind } from '../../src/domain/selector.js';
import { SELECTOR_KINDS, WIDE_KINDS } from '../../src/domain/selector.js';

const NAMES: Readonly<Record<SelectorKind, readonly string[]>> = {
  lease: ['lease_1', 'lease_2'],
  task: ['run', 'run.a', 'run.a.b', 'runner'],
  agent: ['cluster/a', 'cluster/b'],
  tool: ['crm', 'search'],
  trust: ['cluster', 'prod'],
  key: ['k1', 'k2'],
  all: [''],
};
const time = fc.integer({ min: 1, max: 20 });

const revocation: fc.Arbitrary<Revocation> = fc.constantFrom(...SELECTOR_KINDS).chain((kind) =>
  fc
    .record({ name: fc.constantFrom(...NAMES[kind]), at: time, moot: fc.integer({ min: 21, max: 60 }) })
    .map(({ name, at, moot }) => ({
      kind,
      name,
      at,
      cutoff: WIDE_KINDS.has(kind) ? at : Infinity,
      mootAt: moot,
      by: 'mayfly' as const,
    })),
);

const lease: fc.Arbitrary<Selectable> = fc
  .record({
    id: fc.constantFrom(...NAMES.lease),
    taskId: fc.constantFrom(...NAMES.task),
    agent: fc.constantFrom(...NAMES.agent),
    actors: fc.subarray([...NAMES.agent]),
    tool: fc.constantFrom(...NAMES.tool),
    trust: fc.constantFrom(...NAMES.trust),
    keyId: fc.option(fc.constantFrom(...NAMES.key), { nil: undefined }),
    issuedAt: time,
  })
  .map(
    ({ keyId, ...facts }) => ({ ...facts, ...(keyId !== undefined && { keyId }) }) as unknown as Selectable,
  );

/** The rule in words: it names the lease, and the lease is no later than the cut-off. */
function kills(
  { kind, name, cutoff }: Revocation,
  { id, taskId, agent, actors, tool, trust, keyId, issuedAt }: Selectable,
): boolean {
  const names: Readonly<Record<SelectorKind, readonly (string | undefined)[]>> = {
    lease: [id],
    task: lineageOf(taskId),
    agent: [agent, ...actors],
    tool: [tool],
    trust: [trust],
    key: [keyId],
    all: [''],
  };
  return names[kind].includes(name) && issuedAt <= cutoff;
}

const setOf = (revocations: readonly Revocation[]): RevocationSet => {
  const set = new RevocationSet();
  for (const one of revocations) set.add(one);
  return set;
};
const many = fc.array(revocation, { maxLength: 12 });

test('in the feed, digests recognise what selectors kill, and nothing else', () => {
  fc.assert(
    fc.property(many, lease, (revocations, one) => {
      const entries = revocations.map(
        (kill) => [selectorDigest('https://a.example', kill), kill.cutoff] as const,
      );
      const own = new Set(selectorsOf(one).map((selector) => selectorDigest('https://a.example', selector)));
      const dead = entries.some(([digest, cutoff]) => own.has(digest) && one.issuedAt <= cutoff);
      expect(dead).toBe(revocations.some((kill) => kills(kill, one)));
    }),
  );
  const [here, there] = ['https://a.example', 'https://b.example'].map((issuer) =>
    selectorDigest(issuer, { kind: 'all', name: '' }),
  );
  expect(here).not.toBe(there);
});

describe('the set', () => {
  test('kills exactly what the list kills, and, told in the order of time, names the earliest kill', () => {
    fc.assert(
      fc.property(many, lease, (told, one) => {
        const revocations = told.toSorted((a, b) => a.at - b.at);
        const killers = revocations.filter((entry) => kills(entry, one));
        const killer = setOf(revocations).killerOf(one);
        expect(killer === undefined).toBe(killers.length === 0);
        if (killer) expect(kills(killer, one)).toBe(true);
        if (killer) expect(killer.at).toBe(Math.min(...killers.map(({ at }) => at)));
      }),
      { numRuns: 5000 },
    );
  });

  test('grows only: nothing that is added revives what was dead', () => {
    fc.assert(
      fc.property(many, many, lease, (before, later, one) => {
        fc.pre(setOf(before).killerOf(one) !== undefined);
        expect(setOf([...before, ...later]).killerOf(one)).toBeDefined();
      }),
      { numRuns: 1000 },
    );
  });

  test('is the same in whatever order it was told, and however often', () => {
    fc.assert(
      fc.property(many, lease, (revocations, one) => {
        const dead = (told: readonly Revocation[]): boolean => setOf(told).killerOf(one) !== undefined;
        expect(dead(revocations.toReversed())).toBe(dead(revocations));
        expect(dead([...revocations, ...revocations])).toBe(dead(revocations));
      }),
      { numRuns: 1000 },
    );
  });

  test('forgets nothing before it is moot, and everything then', () => {
    fc.assert(
      fc.property(many, lease, fc.integer({ min: 0, max: 70 }), (revocations, one, now) => {
        const set = setOf(revocations);
        set.prune(now);
        const left = revocations.filter(({ mootAt }) => mootAt > now);
        if (left.some((entry) => kills(entry, one))) expect(set.killerOf(one)).toBeDefined();
        set.prune(61);
        expect(set.all()).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });

  test('says whether it was told anything new', () => {
    const set = new RevocationSet();
    const all: Revocation = { kind: 'all', name: '', at: 5, cutoff: 5, mootAt: 50, by: 'mayfly' };
    expect([
      set.add(all),
      set.add(all),
      set.add({ ...all, cutoff: 4 }),
      set.add({ ...all, cutoff: 6, at: 6 }),
    ]).toEqual([true, false, false, true]);
  });

  test('takes whole segments for a task, never the beginning of a name', () => {
    const set = setOf([{ kind: 'task', name: 'run', at: 1, cutoff: Infinity, mootAt: 50, by: 'mayfly' }]);
    const under = (taskId: string): boolean =>
      set.killerOf({
        id: 'lease_1' as LeaseId,
        taskId: taskId as TaskId,
        agent: 'cluster/a' as PrincipalName,
        actors: [],
        tool: 'crm',
        trust: 'cluster',
        issuedAt: 9,
      }) !== undefined;
    expect(['run', 'run.a', 'run.a.b', 'runner', 'run-2', 'other.run'].map(under)).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});

test.each([
  ['jwt', undefined, 9, 'active'],
  ['jwt', undefined, 10, 'expired'],
  ['jwt', 5, 9, 'revoked'],
  ['jwt', 5, 99, 'revoked'],
  ['jwt', 10, 99, 'expired'],
  ['account', 5, 9, 'revoking'],
  ['account', undefined, 10, 'revoking'],
] as const)(
  'a lease of %s that ends at 10, killed at %s, seen at %d, is %s',
  (kind, killedAt, now, state) => {
    expect(standing({ kind, state: 'active', expiresAt: 10 }, killedAt, now)).toBe(state);
  },
);
